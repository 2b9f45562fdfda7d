public import Faults

/// Why a job cannot be started, or why it is not started again.
public struct SupervisionError: Fault {
    public let problem: String
    public let location: String?
    public let hint: String?
    public let exitCode: ExitCode

    init(
        _ location: String?, _ problem: String, hint: String? = nil,
        exitCode: ExitCode = .badInput
    ) {
        self.problem = problem
        self.location = location
        self.hint = hint
        self.exitCode = exitCode
    }
}
