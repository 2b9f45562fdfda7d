import Foundation

/// Tokenizes one file on several threads and writes the samples in the file's order.
///
/// Each thread takes the next block of records, tokenizes it alone, and puts the result in line;
/// whoever completes the line writes it. What is waiting is bounded, so memory is too.
///
/// `@unchecked Sendable`: every variable is read and written under `turn`.
final class TokenizationPipeline: @unchecked Sendable {
    private let source: SourceFile
    private let recipe: SampleRecipe
    private let lanes: Int
    private let progress: (@Sendable (_ done: Int, _ total: Int) -> Void)?
    private let turn = NSCondition()
    private var cutter: RecordCutter
    private var writer: SampleFileWriter
    private var form: RecordForm?
    private var taken = 0
    private var written = 0
    private var waiting: [Int: TokenizedBlock] = [:]
    private var isDry = false
    private var failure: DatasetError?
    private var running = 0
    private var summary = DatasetSummary()
    private var usedTokens: [UInt64] = []

    /// - Parameters:
    ///   - source: At its beginning.
    ///   - writer: Takes the samples.
    ///   - lanes: Threads, at least 1.
    ///   - progress: Called now and then with the bytes of the file that were read and all of them.
    init(
        _ source: SourceFile, _ recipe: SampleRecipe, writer: SampleFileWriter, lanes: Int,
        progress: (@Sendable (_ done: Int, _ total: Int) -> Void)?
    ) throws(DatasetError) {
        self.source = source
        self.recipe = recipe
        self.writer = writer
        self.lanes = max(1, lanes)
        self.progress = progress
        cutter = RecordCutter(path: source.path, stream: try DecompressedStream(source))
    }

    /// - Returns: The finished, complete file's description, to be sealed by the writer.
    /// - Throws: ``DatasetError`` of the first bad record in the file's order; if the file cannot be
    ///   read or unpacked, or the samples not written.
    func run() throws(DatasetError) -> (summary: DatasetSummary, form: RecordForm?) {
        // Until a record has told the form, block after block in this thread.
        var first = try BlockTokenizer(path: source.path, recipe: recipe, form: form)
        repeat {
            guard let block = try cutter.next() else {
                isDry = true
                break
            }
            let result = first.tokenize(block)
            form = first.form
            try write(result)
        } while form == nil
        merge(first.usedTokens)
        if !isDry { try runLanes() }
        try source.requireUnchanged()
        writer.usedTokens = usedTokens
        return (summary, form)
    }

    private func runLanes() throws(DatasetError) {
        running = lanes
        for _ in 1..<max(2, lanes) where lanes > 1 {
            let thread = Thread { [self] in work() }
            thread.name = "tokenizer"
            // Parsers and templates recurse.
            thread.stackSize = 8 << 20
            thread.start()
        }
        work()
        turn.withLock { while running > 0 { turn.wait() } }
        if let failure { throw failure }
    }

    private func work() {
        defer {
            turn.withLock {
                running -= 1
                turn.broadcast()
            }
        }
        var tokenizer: BlockTokenizer
        do throws(DatasetError) {
            tokenizer = try BlockTokenizer(path: source.path, recipe: recipe, form: form)
        } catch {
            turn.withLock { fail(error) }
            return
        }
        while let (index, block) = take() {
            let result = tokenizer.tokenize(block)
            turn.withLock {
                waiting[index] = result
                writeLine()
                turn.broadcast()
            }
        }
        turn.withLock { merge(tokenizer.usedTokens) }
    }

    /// The next block; `nil` if there is none, or something has failed.
    private func take() -> (Int, RecordBlock)? {
        turn.withLock {
            while failure == nil && !isDry && taken - written >= 3 * lanes { turn.wait() }
            guard failure == nil, !isDry else { return nil }
            do throws(DatasetError) {
                guard let block = try cutter.next() else {
                    isDry = true
                    return nil
                }
                defer { taken += 1 }
                return (taken, block)
            } catch {
                // What was cut before it comes first, and may hold an earlier fault.
                var last = TokenizedBlock()
                last.failure = error
                waiting[taken] = last
                taken += 1
                isDry = true
                writeLine()
                return nil
            }
        }
    }

    private func writeLine() {
        while failure == nil, let next = waiting.removeValue(forKey: written) {
            do throws(DatasetError) {
                try write(next)
                written += 1
            } catch {
                fail(error)
            }
        }
    }

    private func write(_ block: TokenizedBlock) throws(DatasetError) {
        if let failure = block.failure { throw failure }
        try writer.append(block)
        summary.append(block.summary)
        progress?(source.position, source.byteCount)
    }

    private func fail(_ error: DatasetError) {
        if failure == nil { failure = error }
        waiting = [:]
        turn.broadcast()
    }

    private func merge(_ used: [UInt64]) {
        if usedTokens.isEmpty { usedTokens = [UInt64](repeating: 0, count: used.count) }
        for index in used.indices { usedTokens[index] |= used[index] }
    }
}
