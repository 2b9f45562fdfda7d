public import Faults

/// Training data that cannot be used.
public struct DatasetError: Fault {
    public let problem: String
    public let location: String?
    public let hint: String?
    public let exitCode: ExitCode

    init(
        _ problem: String, at location: String?, hint: String? = nil,
        exitCode: ExitCode = .badInput
    ) {
        self.problem = problem
        self.location = location
        self.hint = hint
        self.exitCode = exitCode
    }
}
