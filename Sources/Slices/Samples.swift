/// Tokenized samples: a view of one or several tables, which usually are mapped files.
///
/// A sample is a token sequence and, for each token, whether it is a target, i.e. whether the loss
/// counts how well it was predicted. The first token of a sample is never a target. A view takes no
/// memory that grows with the number of samples.
public struct Samples: Sendable {
    /// Consecutive entries of a table.
    private struct Part: Sendable {
        let table: SampleTable
        let entries: Range<Int>
        /// Index of the first of them among all samples.
        let start: Int
    }

    private var parts: [Part] = []
    /// How many samples have which length.
    public private(set) var lengths = SampleLengths()
    public private(set) var count = 0
    /// What ``append(tokens:isTarget:)`` has been given.
    private var own = OwnSamples()

    public init() {}

    /// The samples `entries` of a table.
    ///
    /// - Parameter lengths: Of these samples.
    public init(_ table: SampleTable, entries: Range<Int>, lengths: SampleLengths) {
        parts = entries.isEmpty ? [] : [Part(table: table, entries: entries, start: 0)]
        count = entries.count
        self.lengths = lengths
    }

    /// Sets one after the other, without copying them.
    public init(joining sets: [Samples]) {
        for set in sets {
            for part in set.parts {
                parts.append(
                    Part(table: part.table, entries: part.entries, start: count + part.start))
            }
            count += set.count
            lengths.add(set.lengths)
        }
    }

    /// Adds a sample, in this process's own memory; a target mark on the first token is dropped, as
    /// nothing predicts it.
    ///
    /// - Precondition: `tokens.count == isTarget.count`, and nothing but this has filled the set.
    /// - Complexity: O(all tokens of the set): for sets of a few samples.
    public mutating func append(tokens: [Int32], isTarget: [Bool]) {
        precondition(tokens.count == isTarget.count, "one mark a token")
        precondition(own.entries.count == count, "a mapped set cannot grow")
        let entry = own.append(tokens, TargetRun.runs(of: isTarget))
        count += 1
        lengths.add(
            length: Int(entry.length), computedLength: Int(entry.computedLength),
            targetCount: Int(entry.targetCount))
        parts = [Part(table: own.table(), entries: 0..<count, start: 0)]
    }

    private func part(of index: Int) -> Part {
        precondition(index >= 0 && index < count, "sample \(index) of \(count)")
        var place = parts.count - 1
        while parts[place].start > index { place -= 1 }
        return parts[place]
    }

    private func entry(_ index: Int) -> SampleEntry {
        let part = part(of: index)
        return part.table.entries[part.entries.lowerBound + index - part.start]
    }

    /// Number of tokens of sample `index`.
    public func length(_ index: Int) -> Int { Int(entry(index).length) }

    /// Tokens of sample `index` before its last target: those that a loss depends on.
    public func computedLength(_ index: Int) -> Int { Int(entry(index).computedLength) }

    /// Position of the sample's record in its file, from 0.
    public func row(_ index: Int) -> Int { Int(entry(index).row) }

    /// Hash of the texts of the sample's record.
    public func contentHash(_ index: Int) -> UInt64 { entry(index).contentHash }

    /// A copy of the tokens of sample `index`.
    public func tokens(_ index: Int) -> [Int32] {
        withTokens(index) { tokens, entry in (0..<Int(entry.length)).map { tokens[$0] } }
    }

    /// For each token of sample `index` whether it is a target.
    public func targetMarks(_ index: Int) -> [Bool] {
        var marks = [Bool](repeating: false, count: length(index))
        forEachTarget(index) { marks[$0] = true }
        return marks
    }

    /// Calls `body` with the position of each target of sample `index`, ascending.
    func forEachTarget(_ index: Int, _ body: (Int) -> Void) {
        let part = part(of: index)
        let entry = part.table.entries[part.entries.lowerBound + index - part.start]
        for run in part.table.runs[Int(entry.runStart)..<Int(entry.runStart) + Int(entry.runCount)]
        {
            for position in run.lower..<run.upper { body(Int(position)) }
        }
    }

    /// Calls `body` with the tokens of sample `index`, where they lie.
    func withTokens<Result>(
        _ index: Int, _ body: (SampleTokens, SampleEntry) -> Result
    ) -> Result {
        let part = part(of: index)
        let table = part.table
        let entry = table.entries[part.entries.lowerBound + index - part.start]
        return withExtendedLifetime(table) {
            let start = table.tokens + Int(entry.tokenStart) * (table.isWide ? 4 : 2)
            return body(SampleTokens(start: start, isWide: table.isWide), entry)
        }
    }

    /// Number of computed tokens with which two samples begin alike.
    public func sharedLength(_ one: Int, _ other: Int) -> Int {
        withTokens(one) { first, entry in
            withTokens(other) { second, otherEntry in
                let most = Int(min(entry.computedLength, otherEntry.computedLength))
                var length = 0
                while length < most && first[length] == second[length] { length += 1 }
                return length
            }
        }
    }

    /// Whether the computed tokens of one sample come before another's in the order of a dictionary.
    func precedes(_ one: Int, _ other: Int) -> Bool {
        let shared = sharedLength(one, other)
        let (length, otherLength) = (computedLength(one), computedLength(other))
        guard shared < length && shared < otherLength else {
            return (length, one) < (otherLength, other)
        }
        return withTokens(one) { first, _ in
            withTokens(other) { second, _ in first[shared] < second[shared] }
        }
    }
}

extension Samples: Equatable {
    /// Whether two sets have the same samples in the same order, wherever they lie.
    public static func == (one: Samples, other: Samples) -> Bool {
        one.lengths == other.lengths && one.count == other.count
            && (0..<one.count).allSatisfy {
                one.tokens($0) == other.tokens($0) && one.targetMarks($0) == other.targetMarks($0)
            }
    }
}

/// Samples in arrays, for sets of a few.
private struct OwnSamples: Sendable {
    var tokens: [Int32] = []
    var entries: [SampleEntry] = []
    var runs: [TargetRun] = []

    mutating func append(_ newTokens: [Int32], _ newRuns: [TargetRun]) -> SampleEntry {
        let entry = SampleEntry(
            tokenStart: UInt64(tokens.count), runStart: UInt64(runs.count), contentHash: 0,
            row: UInt64(entries.count), length: UInt32(newTokens.count),
            runCount: UInt32(newRuns.count),
            targetCount: newRuns.reduce(0) { $0 + $1.upper - $1.lower },
            computedLength: newRuns.last.map { $0.upper - 1 } ?? 0)
        tokens += newTokens
        runs += newRuns
        entries.append(entry)
        return entry
    }

    /// A copy that does not move.
    func table() -> SampleTable {
        let memory = OwnMemory(tokens: tokens, entries: entries, runs: runs)
        return SampleTable(
            tokens: UnsafeRawPointer(memory.tokens), isWide: true,
            entries: UnsafeBufferPointer(memory.entries), runs: UnsafeBufferPointer(memory.runs),
            owner: memory)
    }
}

/// Arrays' contents at fixed addresses.
private final class OwnMemory {
    let tokens: UnsafeMutablePointer<Int32>
    let entries: UnsafeMutableBufferPointer<SampleEntry>
    let runs: UnsafeMutableBufferPointer<TargetRun>

    init(tokens: [Int32], entries: [SampleEntry], runs: [TargetRun]) {
        self.tokens = .allocate(capacity: max(1, tokens.count))
        self.entries = .allocate(capacity: entries.count)
        self.runs = .allocate(capacity: runs.count)
        self.tokens.initialize(from: tokens, count: tokens.count)
        _ = self.entries.initialize(from: entries)
        _ = self.runs.initialize(from: runs)
    }

    deinit {
        tokens.deallocate()
        entries.deallocate()
        runs.deallocate()
    }
}
