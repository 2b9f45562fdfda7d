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
    var format: DatasetFormat?
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

    public static let maximumBadLineNotes = 5

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
    }
}

/// Turns blocks of records into samples; each lane has its own.
struct BlockTokenizer {
    let path: String
    let recipe: SampleRecipe
    /// Known from the first usable record on.
    private(set) var format: DatasetFormat?
    private var builder: SampleBuilder?
    /// A bit for each token id that occurs.
    private(set) var usedTokens: [UInt64]

    init(path: String, recipe: SampleRecipe, format: DatasetFormat?) throws(DatasetError) {
        self.path = path
        self.recipe = recipe
        self.format = format
        builder = try format.map { (format) throws(DatasetError) in
            try SampleBuilder(recipe, format)
        }
        usedTokens = [UInt64](repeating: 0, count: (recipe.tokenizer.vocabularySize + 63) / 64)
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
        result.format = format
        return result
    }

    private mutating func add(
        _ record: Record, _ item: RecordBlock.Item, to result: inout TokenizedBlock
    ) throws(BadRecord) {
        let format: DatasetFormat =
            if let known = self.format { known } else { try .detected(in: record) }
        let content = try format.content(of: record)
        if builder == nil {
            do throws(DatasetError) {
                builder = try SampleBuilder(recipe, format)
            } catch {
                result.failure = DatasetError(
                    error.problem, at: error.location ?? path, hint: error.hint)
                return
            }
        }
        let sample = try builder?.sample(content)
        self.format = format
        guard let sample else {
            result.summary.withoutTarget += 1
            return
        }
        let hash = content.hash
        result.entries.append(
            SampleEntry(
                tokenStart: UInt64(result.tokens.count), runStart: UInt64(result.runs.count),
                contentHash: hash, row: UInt64(item.row), length: UInt32(sample.tokens.count),
                runCount: UInt32(sample.runs.count),
                targetCount: sample.runs.reduce(0) { $0 + $1.upper - $1.lower },
                computedLength: (sample.runs.last?.upper ?? 1) - 1))
        result.isHeldOut.append(recipe.heldOut?.takes(hash) ?? false)
        result.tokens += sample.tokens
        result.runs += sample.runs
        if sample.isTruncated { result.summary.truncated += 1 }
        for token in sample.tokens {
            let place = Int(token) / 64
            if place < usedTokens.count { usedTokens[place] |= 1 << UInt64(token & 63) }
        }
    }
}
