public import Faults
import Words

/// A JSON value as it stands in a text: integers stay exact, members keep their order.
///
/// Foundation's parser lets the last of two equal keys win and turns every number into a double;
/// a file that needs such mercy is damaged or hostile.
public enum JSONValue: Sendable, Equatable {
    case null
    case boolean(Bool)
    /// A number without fraction and exponent that fits 64 bits.
    case integer(Int)
    /// Any other number.
    case number(Double)
    case text(String)
    case array([JSONValue])
    case object(JSONObject)
}

// MARK: Literals

extension JSONValue: ExpressibleByStringInterpolation, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral, ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral,
    ExpressibleByDictionaryLiteral
{
    public init(stringLiteral value: String) { self = .text(value) }

    public init(integerLiteral value: Int) { self = .integer(value) }

    public init(floatLiteral value: Double) { self = .number(value) }

    public init(booleanLiteral value: Bool) { self = .boolean(value) }

    public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }

    /// - Precondition: No key is there twice.
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(JSONObject(elements.map { (key: $0.0, value: $0.1) }))
    }
}

// MARK: Reading

/// Why a text is no JSON.
public struct JSONError: Fault {
    public let problem: String
    /// Line and column, from 1; columns are bytes.
    public let location: String?
    public var hint: String? { nil }
}

extension JSONValue {
    /// The value that `bytes` are the text of.
    ///
    /// - Throws: ``JSONError`` if it is no JSON (RFC 8259), is nested deeper than
    ///   ``JSONParser/deepestNesting``, or has a key twice in one object.
    public init(json bytes: UnsafeRawBufferPointer) throws(JSONError) {
        do throws(JSONParser.Failure) {
            var parser = JSONParser(bytes)
            self = try parser.document()
        } catch {
            let before = bytes[..<min(error.offset, bytes.count)]
            let line = before.count { $0 == UInt8(ascii: "\n") } + 1
            let lineStart = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
            throw JSONError(
                problem: "is not valid JSON: \(error.problem)",
                location: "line \(line), column \(before.count - lineStart + 1)")
        }
    }

    /// As ``init(json:)-(UnsafeRawBufferPointer)``.
    public init(json bytes: [UInt8]) throws(JSONError) {
        self = try bytes.withUnsafeBufferPointer { bytes throws(JSONError) in
            try JSONValue(json: UnsafeRawBufferPointer(bytes))
        }
    }

    /// The value that a JSON text stands for; `nil` if it is none.
    public init?(text: String) {
        guard let value = try? JSONValue(json: Array(text.utf8)) else { return nil }
        self = value
    }
}

// MARK: What it is

extension JSONValue {
    /// The text, if it is one.
    public var string: String? { if case .text(let text) = self { text } else { nil } }

    /// The members, if it is an object.
    public var members: JSONObject? {
        if case .object(let members) = self { members } else { nil }
    }

    /// The items, if it is a list.
    public var items: [JSONValue]? { if case .array(let items) = self { items } else { nil } }

    /// The number, if it is one.
    public var double: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }

    /// The whole number, if it is written as one.
    public var integer: Int? { if case .integer(let value) = self { value } else { nil } }

    /// What a mark says: true or 1, false or 0.
    public var flag: Bool? {
        switch self {
        case .boolean(let value): value
        case .integer(0), .number(0): false
        case .integer(1), .number(1): true
        default: nil
        }
    }

    /// Whether there is nothing in it: null, an empty text, list or object.
    public var isEmpty: Bool {
        switch self {
        case .null: true
        case .text(let text): text.isEmpty
        case .array(let values): values.isEmpty
        case .object(let members): members.keys.isEmpty
        case .boolean, .integer, .number: false
        }
    }

    /// Whether a whole number in it is too large to be kept to the last digit.
    public var isInexact: Bool {
        switch self {
        case .number(let value): abs(value) >= 0x1p63
        case .array(let values): values.contains(where: \.isInexact)
        case .object(let members):
            members.keys.contains { members[$0]?.isInexact ?? false }
        default: false
        }
    }

    /// Without members that are null, at any depth. Null items of lists stay.
    public var withoutNulls: JSONValue {
        switch self {
        case .array(let values): .array(values.map(\.withoutNulls))
        case .object(let members): .object(members.withoutNulls)
        default: self
        }
    }

    /// What kind it is, in a message.
    public var kindInWords: String {
        switch self {
        case .null: "null"
        case .boolean: "a boolean"
        case .integer, .number: "a number"
        case .text: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }

    /// The value in a message: what kind it is, and its text if that is short.
    public var shown: String {
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
