public import Faults

/// A text that cannot be generated.
public struct GenerationError: Fault {
    public let problem: String
    public let location: String?
    public let hint: String?

    public init(_ location: String?, _ problem: String, hint: String? = nil) {
        self.location = location
        self.problem = problem
        self.hint = hint
    }
}
