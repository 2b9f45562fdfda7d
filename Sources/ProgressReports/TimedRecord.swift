/// A record with its sender, its place in the sender's order, and its time.
public struct TimedRecord: Sendable, Equatable {
    public var runID: String
    /// 1 for the first record of a job; 0 for a warning that a sink made by itself.
    public var sequence: UInt64
    /// Since 1970-01-01 UTC.
    public var unixTimeNanoseconds: Int64
    public var record: ProgressRecord

    public init(
        runID: String, sequence: UInt64, unixTimeNanoseconds: Int64, record: ProgressRecord
    ) {
        self.runID = runID
        self.sequence = sequence
        self.unixTimeNanoseconds = unixTimeNanoseconds
        self.record = record
    }
}

extension ProgressRecord {
    /// `run_started`, `step`, …: the `kind` of a JSON line.
    public var kind: String {
        switch self {
        case .runStarted: "run_started"
        case .step: "step"
        case .evaluation: "evaluation"
        case .checkpoint: "checkpoint"
        case .resumed: "resumed"
        case .warning: "warning"
        case .finished: "finished"
        case .failed: "failed"
        }
    }
}
