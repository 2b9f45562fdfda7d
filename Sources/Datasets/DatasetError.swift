public import Faults

/// Training data that cannot be used.
public struct DatasetError: Fault {
    public let problem: String
    public let location: String?
    public let hint: String?

    init(_ problem: String, at location: String?, hint: String? = nil) {
        self.problem = problem
        self.location = location
        self.hint = hint
    }
}
