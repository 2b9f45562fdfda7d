public import Faults

/// A setting that is missing, unknown or has an impossible value.
public struct ConfigurationError: Fault {
    public let problem: String
    public let location: String?
    public let hint: String?

    public init(_ location: String?, _ problem: String, hint: String? = nil) {
        self.location = location
        self.problem = problem
        self.hint = hint
    }
}
