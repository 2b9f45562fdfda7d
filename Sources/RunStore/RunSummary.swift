public import ProgressReports

/// What is known of a run in a few numbers.
public struct RunSummary: Sendable {
    public let runID: String
    /// The last part of its folder; may be empty.
    public let name: String
    public let startedNanoseconds: Int64
    /// When it was last heard of.
    public let updatedNanoseconds: Int64
    /// Changes with every record that arrives.
    public let lastRow: Int64
    public let state: State
    /// How often the run was started.
    public let jobs: Int
    public let checkpoints: Int
    public let warnings: Int
    /// Without configuration and hosts: ``RunStore/newest(_:of:)`` has them.
    public let start: ProgressRecord.RunStarted?
    public let lastStep: ProgressRecord.Step?
    public let lastEvaluation: ProgressRecord.Evaluation?
    public let lastCheckpoint: ProgressRecord.Checkpoint?
    public let finish: ProgressRecord.Finished?
    public let failure: ProgressRecord.Failed?

    public enum State: String, Sendable, CaseIterable {
        case running, finished, failed
        /// Not over, and not heard of for ``RunSummary/silentSeconds``.
        case silent
    }

    /// A step of a large model on a small machine takes minutes.
    public static let silentSeconds: Int64 = 300

    /// A run's own row in the store.
    struct Identity {
        let runID: String
        let name: String
        let startedNanoseconds: Int64
        let updatedNanoseconds: Int64
        let lastRow: Int64
    }

    /// The newest record of each kind, and how many there are of some.
    struct Newest {
        var jobs = 0
        var checkpoints = 0
        var warnings = 0
        var start: TimedRecord?
        var step: TimedRecord?
        var evaluation: TimedRecord?
        var checkpoint: TimedRecord?
        var end: TimedRecord?
    }

    init(_ identity: Identity, _ newest: Newest, now: Int64) {
        runID = identity.runID
        name = identity.name
        startedNanoseconds = identity.startedNanoseconds
        updatedNanoseconds = identity.updatedNanoseconds
        lastRow = identity.lastRow
        jobs = newest.jobs
        checkpoints = newest.checkpoints
        warnings = newest.warnings
        start = if case .runStarted(let value)? = newest.start?.record { value } else { nil }
        lastStep = if case .step(let value)? = newest.step?.record { value } else { nil }
        lastEvaluation =
            if case .evaluation(let value)? = newest.evaluation?.record { value } else { nil }
        lastCheckpoint =
            if case .checkpoint(let value)? = newest.checkpoint?.record { value } else { nil }
        // An end is the run's only if no later job has begun.
        let isOver = newest.end.map { $0.epoch >= newest.start?.epoch ?? 0 } ?? false
        let end = isOver ? newest.end?.record : nil
        finish = if case .finished(let value)? = end { value } else { nil }
        failure = if case .failed(let value)? = end { value } else { nil }
        let age = now.subtractingReportingOverflow(updatedNanoseconds).partialValue / 1_000_000_000
        state =
            finish != nil
            ? .finished
            : failure != nil ? .failed : age > Self.silentSeconds ? .silent : .running
    }
}
