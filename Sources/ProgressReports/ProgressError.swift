public import Faults

/// A progress report that cannot be written, sent or read.
public struct ProgressError: Fault, Equatable {
    public let problem: String
    public let location: String?
    public let hint: String?
    public let exitCode: ExitCode

    public init(
        _ problem: String, at location: String? = nil, hint: String? = nil,
        exitCode: ExitCode = .badInput
    ) {
        self.problem = problem
        self.location = location
        self.hint = hint
        self.exitCode = exitCode
    }
}
