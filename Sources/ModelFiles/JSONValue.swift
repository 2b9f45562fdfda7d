import Files
import Foundation

/// A JSON value as it stands in a file: integers stay exact, members keep their order.
///
/// Foundation's parser lets the last of two equal keys win and turns every number into a double;
/// a model file that needs such mercy is damaged or hostile.
public enum JSONValue: Sendable, Equatable {
    case null
    case boolean(Bool)
    /// A number without fraction and exponent that fits 64 bits.
    case integer(Int64)
    /// Any other number.
    case number(Double)
    case text(String)
    case array([JSONValue])
    case object(JSONObject)
}

/// The members of a JSON object.
public struct JSONObject: Sendable, Equatable {
    /// Keys in the file's order.
    public private(set) var keys: [String] = []
    private var values: [Key: JSONValue] = [:]

    /// A key by its bytes. Two strings that look alike, `é` in one character or in two, are equal
    /// in Swift; as tokens of a vocabulary they are two.
    private struct Key: Hashable {
        let text: String

        static func == (left: Key, right: Key) -> Bool {
            left.text.utf8.elementsEqual(right.text.utf8)
        }

        func hash(into hasher: inout Hasher) {
            var text = text
            text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        }
    }

    init() {}

    /// An object with these members, in this order.
    ///
    /// - Precondition: No key is there twice.
    public init(_ members: [(key: String, value: JSONValue)]) {
        for (key, value) in members {
            precondition(add(value, for: key), "key \(key) twice")
        }
    }

    /// Puts `value` in the place of the one that `key` has, or at the end.
    public mutating func set(_ key: String, _ value: JSONValue) {
        if values.updateValue(value, forKey: Key(text: key)) == nil { keys.append(key) }
    }

    /// Takes `key` out, if it is there.
    public mutating func remove(_ key: String) {
        if values.removeValue(forKey: Key(text: key)) != nil {
            keys.removeAll { $0.utf8.elementsEqual(key.utf8) }
        }
    }

    /// The value of `key`, or `nil`.
    public subscript(key: String) -> JSONValue? { values[Key(text: key)] }

    /// - Returns: `false` if `key` is there already.
    mutating func add(_ value: JSONValue, for key: String) -> Bool {
        guard values.updateValue(value, forKey: Key(text: key)) == nil else { return false }
        keys.append(key)
        return true
    }
}

extension JSONValue {
    /// Reads a whole file of at most `maximumBytes`.
    ///
    /// - Throws: ``ModelFileError`` with line and column if the file is no JSON, is nested deeper
    ///   than ``JSONParser/deepestNesting``, or has a key twice in one object.
    public static func read(
        path: String, maximumBytes: Int = 256 << 20
    ) throws(ModelFileError) -> JSONValue {
        try read(MappedFile.model(path), maximumBytes: maximumBytes)
    }

    static func read(
        _ file: MappedFile, maximumBytes: Int = 256 << 20
    ) throws(ModelFileError) -> JSONValue {
        guard file.bytes.count <= maximumBytes else {
            throw ModelFileError(
                "has \(file.bytes.count) bytes; at most \(maximumBytes) are read", file: file.path)
        }
        return try parse(file.bytes, path: file.path)
    }

    /// Parses bytes that came from `path`.
    public static func parse(
        _ bytes: UnsafeRawBufferPointer, path: String
    ) throws(ModelFileError) -> JSONValue {
        do throws(JSONParser.Failure) {
            var parser = JSONParser(bytes)
            return try parser.document()
        } catch {
            let before = bytes[..<min(error.offset, bytes.count)]
            let line = before.count { $0 == UInt8(ascii: "\n") } + 1
            let lineStart = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
            throw ModelFileError(
                "is not valid JSON: \(error.problem)", file: path,
                part: "line \(line), column \(before.count - lineStart + 1)")
        }
    }

    /// The value in a message: what kind it is, and its text if that is short.
    var shown: String {
        switch self {
        case .null: "null"
        case .boolean(let value): "\(value)"
        case .integer(let value): "\(value)"
        case .number(let value): "\(value)"
        case .text(let value): value.quoted
        case .array(let values): "an array of \(values.count)"
        case .object(let members): "an object of \(members.keys.count) members"
        }
    }
}
