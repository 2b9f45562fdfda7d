/// A record with its sender, its place in the sender's order, and its time.
public struct TimedRecord: Sendable, Equatable {
    public var runID: String
    /// Names the job among those of the run, and grows from job to job.
    public var epoch: UInt64
    /// 1 for the first record of a job.
    public var sequence: UInt64
    /// Since 1970-01-01 UTC.
    public var unixTimeNanoseconds: Int64
    public var record: ProgressRecord

    public init(
        runID: String, epoch: UInt64 = 1, sequence: UInt64, unixTimeNanoseconds: Int64,
        record: ProgressRecord
    ) {
        self.runID = runID
        self.epoch = epoch
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
        case .gap: "gap"
        }
    }
}

extension ProgressRecord {
    /// The step that the record is about; a start has none.
    public var step: Int? {
        switch self {
        case .runStarted, .gap: nil
        case .step(let value): value.step
        case .evaluation(let value): value.step
        case .checkpoint(let value): value.step
        case .resumed(let value): value.step
        case .warning(let value): value.step
        case .finished(let value): value.step
        case .failed(let value): value.step
        }
    }
}
