import Foundation
import Tensors

/// A value of a JSON file that knows where it stands, so that a wrong one can be named.
struct JSONNode {
    private let value: Any
    private let file: String
    /// Keys from the root, joined by dots; empty at the root.
    private let path: String

    /// Tokenizers of 256k tokens take 30 MB; this keeps a wrong file from filling memory.
    private static let maximumFileBytes = 256 << 20

    private init(value: Any, file: String, path: String) {
        self.value = value
        self.file = file
        self.path = path
    }

    /// Reads `file`, which must hold one JSON object.
    static func read(_ file: String) throws(TokenizationError) -> JSONNode {
        let mapped: MappedFile
        do {
            mapped = try MappedFile(path: file)
        } catch {
            throw TokenizationError(error.problem, at: file, hint: error.hint)
        }
        guard mapped.bytes.count <= maximumFileBytes else {
            throw TokenizationError(
                "is larger (\(mapped.bytes.count) bytes) than any tokenizer", at: file)
        }
        let value: Any
        do {
            value = try JSONSerialization.jsonObject(with: Data(mapped.bytes))
        } catch {
            let reason = (error as NSError).userInfo["NSDebugDescription"] as? String
            throw TokenizationError(
                "is not valid JSON (\(reason ?? "unknown reason"))", at: file,
                hint: "The file is damaged: fetch it again")
        }
        guard value is [String: Any] else {
            throw TokenizationError("must hold a JSON object", at: file)
        }
        return JSONNode(value: value, file: file, path: "")
    }

    var location: String { path.isEmpty ? file : "\(file): \(path)" }

    /// The value under `key`; `nil` if it is missing or null.
    subscript(key: String) -> JSONNode? {
        guard let child = (value as? [String: Any])?[key], !(child is NSNull) else { return nil }
        return JSONNode(value: child, file: file, path: path.isEmpty ? key : "\(path).\(key)")
    }

    func required(_ key: String) throws(TokenizationError) -> JSONNode {
        guard let node = self[key] else {
            throw TokenizationError("key '\(key)' is missing", at: location)
        }
        return node
    }

    func object() throws(TokenizationError) -> [String: Any] {
        guard let object = value as? [String: Any] else { throw wrongType("an object") }
        return object
    }

    /// The members of an array; each names its position.
    func array() throws(TokenizationError) -> [JSONNode] {
        try rawArray().enumerated().map { index, element in
            JSONNode(value: element, file: file, path: "\(path)[\(index)]")
        }
    }

    /// As ``array()`` without a node for each member, for long lists.
    func rawArray() throws(TokenizationError) -> [Any] {
        guard let array = value as? [Any] else { throw wrongType("an array") }
        return array
    }

    func text() throws(TokenizationError) -> String {
        guard let text = value as? String else { throw wrongType("a string") }
        return text
    }

    func integer() throws(TokenizationError) -> Int {
        guard let integer = Self.integer(value) else { throw wrongType("an integer") }
        return integer
    }

    func boolean() throws(TokenizationError) -> Bool {
        guard let boolean = value as? Bool else { throw wrongType("true or false") }
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

    var isObject: Bool { value is [String: Any] }
    var isArray: Bool { value is [Any] }
    var isText: Bool { value is String }

    static func integer(_ value: Any) -> Int? { value is Bool ? nil : value as? Int }

    private func wrongType(_ expected: String) -> TokenizationError {
        TokenizationError("must be \(expected)", at: location)
    }
}
