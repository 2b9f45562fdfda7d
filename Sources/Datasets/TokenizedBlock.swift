import ChatTemplates
import JSON
import Slices
import Tokenization

/// What one lane made of a block of records.
struct TokenizedBlock {
    /// Of all samples, one after the other.
    var tokens: [Int32] = []
    var runs: [TargetRun] = []
    /// Starts count from this block's own tokens and runs.
    var entries: [SampleEntry] = []
    var isHeldOut: [Bool] = []
    var summary = DatasetSummary()
    /// The first bad record, where such are not skipped.
    var failure: DatasetError?
    var form: RecordForm?
}

/// What became of a file's records.
public struct DatasetSummary: Sendable, Equatable, Codable {
    /// A record that cannot be used.
    public struct BadLine: Sendable, Equatable, Codable {
        /// From 1.
        public let line: Int
        public let reason: String
    }

    public internal(set) var records = 0
    /// Records that were skipped because they cannot be used.
    public internal(set) var badLines = 0
    /// The first ``maximumBadLineNotes`` of them.
    public internal(set) var firstBadLines: [BadLine] = []
    /// Records that were left out because no target remains within the maximum length.
    public internal(set) var withoutTarget = 0
    /// Samples that were cut at the maximum length.
    public internal(set) var truncated = 0
    /// Records with an answer that says nothing, which is learned as such.
    public internal(set) var emptyAnswers = 0
    /// Samples of conversations whose last answer ends without an end token, as the chat template
    /// writes none.
    public internal(set) var withoutEnd = 0
    /// Conversations that became several samples, because the chat template writes what came before
    /// an answer otherwise as the conversation goes on.
    public internal(set) var splitConversations = 0
    /// Keys of records and messages that nothing is made of, in the order in which they came; the
    /// first ``maximumKeyNotes`` of them.
    public internal(set) var unusedKeys: [String] = []

    public static let maximumBadLineNotes = 5
    static let maximumKeyNotes = 64

    mutating func note(unusedKey key: String) {
        guard unusedKeys.count < Self.maximumKeyNotes, !unusedKeys.contains(key) else { return }
        unusedKeys.append(key)
    }

    mutating func skip(line: Int, reason: String) {
        badLines += 1
        if firstBadLines.count < Self.maximumBadLineNotes {
            firstBadLines.append(BadLine(line: line, reason: reason))
        }
    }

    /// Adds what became of the records that come next.
    mutating func append(_ next: DatasetSummary) {
        records += next.records
        badLines += next.badLines
        firstBadLines += next.firstBadLines.prefix(Self.maximumBadLineNotes - firstBadLines.count)
        withoutTarget += next.withoutTarget
        truncated += next.truncated
        emptyAnswers += next.emptyAnswers
        withoutEnd += next.withoutEnd
        splitConversations += next.splitConversations
        for key in next.unusedKeys { note(unusedKey: key) }
    }
}

/// Turns blocks of records into samples; each lane has its own.
struct BlockTokenizer {
    let path: String
    let recipe: SampleRecipe
    /// Known from the first usable record on.
    private(set) var form: RecordForm?
    private var builder: SampleBuilder?
    /// Of the last record with a key that was new.
    private var keysRead: Set<String> = []
    /// A bit for each token id that occurs.
    private(set) var usedTokens: [UInt64]

    init(path: String, recipe: SampleRecipe, form: RecordForm?) throws(DatasetError) {
        self.path = path
        self.recipe = recipe
        usedTokens = [UInt64](repeating: 0, count: (recipe.tokenizer.vocabularySize + 63) / 64)
        guard let form else { return }
        builder = try SampleBuilder(recipe, form)
        self.form = form
    }

    private mutating func samples(
        of content: RecordContent, _ record: Record
    ) throws(BadRecord) -> [SampleBuilder.Sample] {
        do throws(BadRecord) {
            return try record.isLeftOut ? [] : builder?.samples(content) ?? []
        } catch {
            // A record that cannot be used decides nothing.
            if form == nil { builder = nil }
            throw error
        }
    }

    mutating func tokenize(_ block: RecordBlock) -> TokenizedBlock {
        var result = TokenizedBlock()
        let bytes = block.bytes
        bytes.withUnsafeBytes { bytes in
            for item in block.items {
                result.summary.records += 1
                do throws(BadRecord) {
                    try Record.requireLength(item.byteCount)
                    let json = UnsafeRawBufferPointer(rebasing: bytes[item.range])
                    try add(try Record(json: json), item, to: &result)
                } catch {
                    let place = block.isArray ? "record \(item.row) of the array " : ""
                    guard recipe.skipBadLines else {
                        result.failure = DatasetError(
                            place + error.reason, at: "\(path):\(item.line)",
                            hint: "Mend the line, or skip such lines with --skip-bad-lines")
                        return
                    }
                    result.summary.skip(line: item.line, reason: place + error.reason)
                }
                if result.failure != nil { return }
            }
        }
        result.form = form
        return result
    }

    private mutating func add(
        _ record: Record, _ item: RecordBlock.Item, to result: inout TokenizedBlock
    ) throws(BadRecord) {
        let form = if let known = self.form { known } else { try recipe.form(of: record) }
        let content = try form.format.content(of: record, asChat: form.asChat)
        if builder == nil {
            do throws(DatasetError) {
                builder = try SampleBuilder(recipe, form)
            } catch {
                result.failure = DatasetError(
                    error.problem, at: error.location ?? path, hint: error.hint)
                return
            }
        }
        let samples = try samples(of: content, record)
        self.form = form
        noteUnused(record, content, in: &result.summary)
        guard !samples.isEmpty else {
            result.summary.withoutTarget += 1
            return
        }
        if content.hasEmptyAnswer { result.summary.emptyAnswers += 1 }
        if samples.count > 1 { result.summary.splitConversations += 1 }
        let hash = content.hash
        for (part, sample) in samples.enumerated() {
            // Parts of a conversation are no copies of each other.
            append(sample, row: item.row, hash: hash &+ UInt64(part), to: &result)
            result.isHeldOut.append(recipe.heldOut?.takes(hash) ?? false)
        }
    }

    private mutating func append(
        _ sample: SampleBuilder.Sample, row: Int, hash: UInt64, to result: inout TokenizedBlock
    ) {
        result.entries.append(
            SampleEntry(
                tokenStart: UInt64(result.tokens.count), runStart: UInt64(result.runs.count),
                contentHash: hash, row: UInt64(row), length: UInt32(sample.tokens.count),
                runCount: UInt32(sample.runs.count),
                targetCount: sample.runs.reduce(0) { $0 + $1.upper - $1.lower },
                computedLength: (sample.runs.last?.upper ?? 1) - 1))
        result.tokens += sample.tokens
        result.runs += sample.runs
        if sample.isTruncated { result.summary.truncated += 1 }
        if sample.lacksEnd { result.summary.withoutEnd += 1 }
        for token in sample.tokens {
            let place = Int(token) / 64
            if place < usedTokens.count { usedTokens[place] |= 1 << UInt64(token & 63) }
        }
    }

    /// Names what nothing is made of, so that a reader sees it.
    private mutating func noteUnused(
        _ record: Record, _ content: RecordContent, in summary: inout DatasetSummary
    ) {
        let strangers = record.keys.filter {
            !keysRead.contains($0) && !summary.unusedKeys.contains($0) && record.has($0)
        }
        if !strangers.isEmpty, let form {
            keysRead = form.format.keysRead(of: record, asChat: form.asChat)
            for key in strangers where !keysRead.contains(key) { summary.note(unusedKey: key) }
        }
        guard case .chat(let conversation) = content, let chat = builder?.chat?.template else {
            return
        }
        for message in conversation.messages {
            for key in message.object.keys
            where key != "role" && key != "content" && !chat.mentions(key) {
                summary.note(unusedKey: "messages[].\(key)")
            }
        }
    }
}
