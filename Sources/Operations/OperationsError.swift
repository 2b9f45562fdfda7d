public import Faults

/// A question about a run that cannot be answered as it was asked.
public struct OperationsError: Fault {
    public let problem: String
    public let location: String?
    public let hint: String?
    public let exitCode: ExitCode

    public init(
        _ location: String?, _ problem: String, hint: String? = nil,
        exitCode: ExitCode = .badInput
    ) {
        self.location = location
        self.problem = problem
        self.hint = hint
        self.exitCode = exitCode
    }
}
