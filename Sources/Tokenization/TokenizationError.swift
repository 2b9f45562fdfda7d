public import Faults

/// A tokenizer that cannot be used: broken, incomplete, or of a kind this software does not know.
public struct TokenizationError: Fault {
    public let problem: String
    public let location: String?
    public let hint: String?

    init(_ problem: String, at location: String?, hint: String? = nil) {
        self.problem = problem
        self.location = location
        self.hint = hint
    }
}
