import Faults
import ModelFiles

/// A value of a JSON file that knows where it stands, so that a wrong one can be named.
struct JSONNode {
    private let value: JSONValue
    private let file: String
    /// Keys from the root, joined by dots; empty at the root.
    private let path: String

    private init(value: JSONValue, file: String, path: String) {
        self.value = value
        self.file = file
        self.path = path
    }

    /// Reads `file`, which must hold one JSON object.
    static func read(_ file: String) throws(TokenizationError) -> JSONNode {
        do {
            let node = JSONNode(value: try JSONValue.read(path: file), file: file, path: "")
            guard node.isObject else { throw node.wrongType("an object") }
            return node
        } catch let error as TokenizationError {
            throw error
        } catch let error as any Fault {
            throw TokenizationError(error.problem, at: error.location ?? file, hint: error.hint)
        } catch {
            throw TokenizationError("cannot be read (\(error))", at: file)
        }
    }

    var location: String { path.isEmpty ? file : "\(file): \(path)" }

    /// The value under `key`; `nil` if it is missing or null.
    subscript(key: String) -> JSONNode? {
        guard case .object(let members) = value, let child = members[key], child != .null else {
            return nil
        }
        return JSONNode(value: child, file: file, path: path.isEmpty ? key : "\(path).\(key)")
    }

    func required(_ key: String) throws(TokenizationError) -> JSONNode {
        guard let node = self[key] else {
            throw TokenizationError("key '\(key)' is missing", at: location)
        }
        return node
    }

    /// The members of an object, in the file's order.
    func members() throws(TokenizationError) -> JSONObject {
        guard case .object(let members) = value else { throw wrongType("an object") }
        return members
    }

    /// The members of an array; each names its position.
    func array() throws(TokenizationError) -> [JSONNode] {
        try values().enumerated().map { index, element in
            JSONNode(value: element, file: file, path: "\(path)[\(index)]")
        }
    }

    /// As ``array()`` without a node for each member, for long lists.
    func values() throws(TokenizationError) -> [JSONValue] {
        guard case .array(let values) = value else { throw wrongType("an array") }
        return values
    }

    func text() throws(TokenizationError) -> String {
        guard case .text(let text) = value else { throw wrongType("a string") }
        return text
    }

    func integer() throws(TokenizationError) -> Int {
        guard case .integer(let integer) = value else { throw wrongType("an integer") }
        return Int(integer)
    }

    func number() throws(TokenizationError) -> Double {
        switch value {
        case .integer(let integer): return Double(integer)
        case .number(let number): return number
        default: throw wrongType("a number")
        }
    }

    /// A token id; whether it is in the vocabulary is for the caller to see.
    func tokenID() throws(TokenizationError) -> Int32 {
        guard let id = Int32(exactly: try integer()), id >= 0 else {
            throw wrongType("a token id")
        }
        return id
    }

    func boolean() throws(TokenizationError) -> Bool {
        guard case .boolean(let boolean) = value else { throw wrongType("true or false") }
        return boolean
    }

    /// The flag under `key`, or what its absence means.
    func flag(_ key: String, default absent: Bool) throws(TokenizationError) -> Bool {
        try self[key]?.boolean() ?? absent
    }

    /// The text under `key`, `nil` if it is missing, null or empty.
    func filledText(_ key: String) throws(TokenizationError) -> String? {
        let text = try self[key]?.text()
        return text == "" ? nil : text
    }

    var isObject: Bool {
        if case .object = value { true } else { false }
    }

    var isArray: Bool {
        if case .array = value { true } else { false }
    }

    private func wrongType(_ expected: String) -> TokenizationError {
        TokenizationError("must be \(expected)", at: location)
    }
}
