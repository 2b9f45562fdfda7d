public import Faults

/// A collector that cannot start.
public struct CollectorServiceError: Fault, Equatable {
    public let problem: String
    public let location: String?
    public let hint: String?
    public let exitCode: ExitCode

    init(_ problem: String, at location: String, hint: String?, exitCode: ExitCode = .badInput) {
        self.problem = problem
        self.location = location
        self.hint = hint
        self.exitCode = exitCode
    }
}
