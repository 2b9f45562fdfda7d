import Faults
public import JSON
import ModelFiles

/// A tokenizer that cannot be used: broken, incomplete, or of a kind this software does not know.
public struct TokenizationError: FileFault {
    public let problem: String
    public let location: String?
    public let hint: String?

    init(_ problem: String, at location: String?, hint: String? = nil) {
        self.problem = problem
        self.location = location
        self.hint = hint
    }

    public init(_ problem: String, file: String, part: String?, hint: String?) {
        self.init(problem, at: part.map { "\(file): \($0)" } ?? file, hint: hint)
    }
}

/// What reads `tokenizer.json` and its like.
typealias JSONNode = JSONReader<TokenizationError>

extension JSONReader<TokenizationError> {
    /// Reads `file`, which must hold one JSON object.
    init(path file: String) throws(TokenizationError) {
        let value: JSONValue
        do throws(ModelFileError) {
            value = try JSONValue.read(path: file)
        } catch {
            throw TokenizationError(error.problem, at: error.location ?? file, hint: error.hint)
        }
        try self.init(root: value, file: file)
    }
}
