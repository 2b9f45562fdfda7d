public import ProgressReports

/// What is known of a run in a few numbers.
public struct RunSummary: Sendable {
    public let runID: String
    /// The last part of its folder; may be empty.
    public let name: String
    public let startedNanoseconds: Int64
    /// When its newest record was made.
    public let updatedNanoseconds: Int64
    public let state: State
    /// How often the run was started.
    public let jobs: Int
    public let start: ProgressRecord.RunStarted?
    public let lastStep: ProgressRecord.Step?
    public let lastEvaluation: ProgressRecord.Evaluation?
    public let lastCheckpoint: ProgressRecord.Checkpoint?
    public let finish: ProgressRecord.Finished?
    public let failure: ProgressRecord.Failed?

    public enum State: String, Sendable {
        case running, finished, failed
        /// Not over, and not heard of for ``RunSummary/silentSeconds``.
        case silent
    }

    /// A step of a large model on a small machine takes minutes.
    public static let silentSeconds: Int64 = 300

    init(
        runID: String, name: String, startedNanoseconds: Int64, updatedNanoseconds: Int64,
        jobs: Int, start: TimedRecord?, step: TimedRecord?,
        evaluation: TimedRecord?, checkpoint: TimedRecord?, end: TimedRecord?, now: Int64
    ) {
        self.runID = runID
        self.name = name
        self.startedNanoseconds = startedNanoseconds
        self.updatedNanoseconds = updatedNanoseconds
        self.jobs = jobs
        self.start = if case .runStarted(let value)? = start?.record { value } else { nil }
        lastStep = if case .step(let value)? = step?.record { value } else { nil }
        lastEvaluation =
            if case .evaluation(let value)? = evaluation?.record { value } else { nil }
        lastCheckpoint =
            if case .checkpoint(let value)? = checkpoint?.record { value } else { nil }
        // An end is the run's only if no later job has begun.
        let isOver = end.map { $0.epoch >= start?.epoch ?? 0 } ?? false
        finish =
            if isOver, case .finished(let value)? = end?.record { value } else { nil }
        failure = if isOver, case .failed(let value)? = end?.record { value } else { nil }
        let age = (now - updatedNanoseconds) / 1_000_000_000
        state =
            finish != nil
            ? .finished
            : failure != nil ? .failed : age > Self.silentSeconds ? .silent : .running
    }
}
