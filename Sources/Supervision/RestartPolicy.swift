import Faults

/// Whether a job that ended is started again, and after how long.
///
/// A value: it is told how jobs ended and answers; it starts nothing.
struct RestartPolicy {
    /// Jobs in a row that failed without a new durable step.
    private(set) var failuresWithoutProgress = 0
    private var lastDurableStep: Int?

    private static let mostFailuresWithoutProgress = 4
    private static let longestPauseSeconds = 60.0

    enum Verdict: Equatable {
        case restart(afterSeconds: Double)
        /// The same command would end the same way.
        case leave(exitCode: Int32)
        case giveUp
    }

    /// Exit codes that no other attempt changes: a wrong command line, another job on the run, a
    /// wrong value.
    private static let finalCodes: Set<Int32> = [
        ExitCode.usage.rawValue, ExitCode.fencedOut.rawValue, ExitCode.badInput.rawValue,
    ]

    /// - Parameters:
    ///   - exitCode: Of a job that did not finish the run.
    ///   - durableStep: Step of the newest checkpoint; `nil` for none.
    mutating func judge(exitCode: Int32, durableStep: Int?) -> Verdict {
        guard !Self.finalCodes.contains(exitCode) else { return .leave(exitCode: exitCode) }
        let hasProgress = (durableStep ?? -1) > (lastDurableStep ?? -1)
        lastDurableStep = durableStep ?? lastDurableStep
        failuresWithoutProgress = hasProgress ? 1 : failuresWithoutProgress + 1
        guard failuresWithoutProgress < Self.mostFailuresWithoutProgress else { return .giveUp }
        let pause = Double(1 << min(failuresWithoutProgress - 1, 10))
        return .restart(afterSeconds: min(Self.longestPauseSeconds, pause))
    }
}
