/// Where one sample's tokens and targets lie in a ``SampleTable``: 48 bytes, as in a samples file.
public struct SampleEntry: Sendable, Equatable, BitwiseCopyable {
    /// First token among those of the table.
    public var tokenStart: UInt64
    /// First of its runs of targets among those of the table.
    public var runStart: UInt64
    /// Hash of the record's texts.
    public var contentHash: UInt64
    /// Position of the record in its file, from 0; blank lines are none.
    public var row: UInt64
    /// Tokens.
    public var length: UInt32
    public var runCount: UInt32
    /// Tokens that are targets.
    public var targetCount: UInt32
    /// Tokens before the last target: those that a loss depends on.
    public var computedLength: UInt32

    public init(
        tokenStart: UInt64, runStart: UInt64, contentHash: UInt64, row: UInt64, length: UInt32,
        runCount: UInt32, targetCount: UInt32, computedLength: UInt32
    ) {
        self.tokenStart = tokenStart
        self.runStart = runStart
        self.contentHash = contentHash
        self.row = row
        self.length = length
        self.runCount = runCount
        self.targetCount = targetCount
        self.computedLength = computedLength
    }
}

/// Consecutive tokens of a sample that are all targets: `lower ..< upper`, from the sample's start.
public struct TargetRun: Sendable, Equatable, BitwiseCopyable {
    public var lower: UInt32
    public var upper: UInt32

    public init(lower: UInt32, upper: UInt32) {
        self.lower = lower
        self.upper = upper
    }

    /// The runs of a sample's target marks; one on the first token is dropped, as nothing predicts
    /// it.
    public static func runs(of marks: [Bool]) -> [TargetRun] {
        var runs: [TargetRun] = []
        for (index, isTarget) in marks.enumerated().dropFirst() where isTarget {
            if let last = runs.last, last.upper == index {
                runs[runs.count - 1].upper = UInt32(index + 1)
            } else {
                runs.append(TargetRun(lower: UInt32(index), upper: UInt32(index + 1)))
            }
        }
        return runs
    }
}

/// Tokenized samples in flat memory that somebody else owns, usually a mapped file.
///
/// `@unchecked Sendable`: the memory is immutable as long as `owner` lives.
public final class SampleTable: @unchecked Sendable {
    let tokens: UnsafeRawPointer
    let isWide: Bool
    let entries: UnsafeBufferPointer<SampleEntry>
    let runs: UnsafeBufferPointer<TargetRun>
    private let owner: AnyObject

    /// - Parameters:
    ///   - tokens: Token ids of all samples, two bytes each or, if `isWide`, four.
    ///   - isWide: Whether a token id takes four bytes.
    ///   - entries: One a sample.
    ///   - runs: Runs of targets of all samples.
    ///   - owner: Keeps the memory alive.
    /// - Precondition: ``isSound(_:tokenCount:runs:)`` for each entry.
    public init(
        tokens: UnsafeRawPointer, isWide: Bool, entries: UnsafeBufferPointer<SampleEntry>,
        runs: UnsafeBufferPointer<TargetRun>, owner: AnyObject
    ) {
        self.tokens = tokens
        self.isWide = isWide
        self.entries = entries
        self.runs = runs
        self.owner = owner
    }

    /// Whether an entry stays within its table and agrees with its runs.
    public static func isSound(
        _ entry: SampleEntry, tokenCount: Int, runs: UnsafeBufferPointer<TargetRun>
    ) -> Bool {
        let (tokenEnd, tokensOverflow) = entry.tokenStart.addingReportingOverflow(
            UInt64(entry.length))
        let (runEnd, runsOverflow) = entry.runStart.addingReportingOverflow(UInt64(entry.runCount))
        guard !tokensOverflow, !runsOverflow, tokenEnd <= UInt64(tokenCount),
            runEnd <= UInt64(runs.count)
        else { return false }
        var (end, targets): (UInt32, UInt64) = (1, 0)
        for run in runs[Int(entry.runStart)..<Int(runEnd)] {
            guard run.lower >= end, run.upper > run.lower else { return false }
            end = run.upper
            targets += UInt64(run.upper - run.lower)
        }
        return end <= max(entry.length, 1) && targets == UInt64(entry.targetCount)
            && entry.computedLength == (entry.runCount == 0 ? 0 : end - 1)
    }
}

/// One sample's tokens, wherever they lie. Valid as long as its table lives.
struct SampleTokens {
    let start: UnsafeRawPointer
    let isWide: Bool

    subscript(position: Int) -> Int32 {
        isWide
            ? start.load(fromByteOffset: 4 * position, as: Int32.self)
            : Int32(start.load(fromByteOffset: 2 * position, as: UInt16.self))
    }
}
