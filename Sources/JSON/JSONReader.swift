public import Faults

/// A fault that names a file and a part of it: what ``JSONReader`` throws for a value of the wrong kind.
public protocol FileFault: Fault {
    /// - Parameters:
    ///   - problem: What is wrong, with the offending values.
    ///   - file: Path of the file.
    ///   - part: Keys inside it, joined by dots; `nil` for the whole.
    ///   - hint: What to do about it.
    init(_ problem: String, file: String, part: String?, hint: String?)
}

/// A value of a JSON file that knows where it stands, so that a wrong one is named by its keys.
///
/// `null` counts as absent, as it does for transformers. An object remembers which of its keys were asked
/// for, so that what nobody has read can be told (``unread``).
public struct JSONReader<Failure: FileFault> {
    public let value: JSONValue
    public let file: String
    /// Where the object or list stands that holds this value; empty at the root.
    private let outer: String
    /// Key, or place, in the object or list that holds this value; `nil` at the root.
    private let key: String?
    private let read: ReadKeys?

    private final class ReadKeys {
        var keys: Set<String> = []
    }

    private init(_ value: JSONValue, file: String, outer: String, key: String?) {
        self.value = value
        self.file = file
        self.outer = outer
        self.key = key
        if case .object = value { read = ReadKeys() } else { read = nil }
    }

    /// The object that is the whole of `file`.
    public init(root value: JSONValue, file: String) throws(Failure) {
        guard case .object = value else {
            throw Failure("is no JSON object", file: file, part: nil, hint: nil)
        }
        self.init(value, file: file, outer: "", key: nil)
    }

    /// Keys from the root, joined by dots; empty at the root.
    private var path: String {
        guard let key else { return "" }
        return outer.isEmpty || key.hasPrefix("[") ? outer + key : "\(outer).\(key)"
    }

    /// Of this value: file and keys.
    public var location: String { failure("").location ?? file }

    /// A fault of this value as a whole.
    public func failure(_ problem: String, hint: String? = nil) -> Failure {
        Failure(problem, file: file, part: path.isEmpty ? nil : path, hint: hint)
    }

    /// The fault of a value that is not what is `needed`.
    private func wrong(_ needed: String) -> Failure {
        Failure(
            "\(key ?? "the file") is \(value.shown), but must be \(needed)", file: file,
            part: outer.isEmpty ? nil : outer, hint: nil)
    }

    // MARK: This value

    public var isObject: Bool { value.members != nil }

    public var isArray: Bool { value.items != nil }

    /// The members of an object, in the file's order.
    public func members() throws(Failure) -> JSONObject {
        guard case .object(let members) = value else { throw wrong("an object") }
        return members
    }

    /// The items of a list; each knows its place.
    public func array() throws(Failure) -> [JSONReader] {
        let path = path
        return try values().enumerated().map { index, item in
            JSONReader(item, file: file, outer: path, key: "[\(index)]")
        }
    }

    /// As ``array()`` without a reader for each item, for long lists.
    public func values() throws(Failure) -> [JSONValue] {
        guard case .array(let values) = value else { throw wrong("a list") }
        return values
    }

    public func text() throws(Failure) -> String {
        guard case .text(let text) = value else { throw wrong("a text") }
        return text
    }

    public func boolean() throws(Failure) -> Bool {
        guard case .boolean(let boolean) = value else { throw wrong("true or false") }
        return boolean
    }

    public func integer() throws(Failure) -> Int {
        guard case .integer(let integer) = value else { throw wrong("a whole number") }
        return integer
    }

    public func number() throws(Failure) -> Double {
        guard let number = value.double else { throw wrong("a number") }
        return number
    }

    /// A whole number from `least` on that fits 31 bits, so that products of two do not overflow.
    public func count(from least: Int) throws(Failure) -> Int {
        guard case .integer(let count) = value, (least...Int(Int32.max)).contains(count) else {
            throw wrong("a whole number from \(least) to \(Int32.max)")
        }
        return count
    }

    /// A finite number above zero.
    public func positive() throws(Failure) -> Double {
        guard let number = value.double, number > 0 else { throw wrong("a number above zero") }
        return number
    }

    /// A token id; whether it is in the vocabulary is for the caller to see.
    public func tokenID() throws(Failure) -> Int32 {
        guard case .integer(let integer) = value, let id = Int32(exactly: integer), id >= 0 else {
            throw wrong("a token id")
        }
        return id
    }

    /// One token id or a list of them, whatever their size.
    public func tokens() throws(Failure) -> [Int] {
        switch value {
        case .integer(let token): return [token]
        case .array:
            var tokens: [Int] = []
            for item in try array() {
                guard case .integer(let token) = item.value else {
                    throw item.wrong("a token number")
                }
                tokens.append(token)
            }
            return tokens
        default: throw wrong("a token number or a list of them")
        }
    }

    /// A list of texts.
    public func texts() throws(Failure) -> [String] {
        try array().map { item throws(Failure) in try item.text() }
    }
}

// MARK: - Members of an object

extension JSONReader {
    /// What stands under `key`, null too; none where this is no object.
    private func member(_ key: String) -> JSONValue? {
        read?.keys.insert(key)
        return value.members?[key]
    }

    /// The value under `key`; `nil` if it is missing or null.
    public subscript(key: String) -> JSONReader? {
        guard let value = member(key), value != .null else { return nil }
        return JSONReader(value, file: file, outer: path, key: key)
    }

    public func required(_ key: String) throws(Failure) -> JSONReader {
        try required(self[key], key)
    }

    private func required<Value>(_ value: Value?, _ key: String) throws(Failure) -> Value {
        guard let value else { throw failure("\(key) is missing") }
        return value
    }

    public func has(_ key: String) -> Bool { self[key] != nil }

    /// Says that these keys change nothing here.
    public func passOver(_ keys: String...) { read?.keys.formUnion(keys) }

    /// Keys that nobody has asked for and that are not null, in the file's order.
    public var unread: [(key: String, value: JSONValue)] {
        (value.members ?? JSONObject()).compactMap { key, value in
            value == .null || read?.keys.contains(key) == true ? nil : (key, value)
        }
    }

    /// Whether it says nothing at all.
    public var isEmpty: Bool { value.isEmpty }

    // In what follows, `fallback` counts where the key is absent or null; without one that is an error.

    public func text(_ key: String, default fallback: String?) throws(Failure) -> String {
        try required(try self[key]?.text() ?? fallback, key)
    }

    /// The text under `key`, `nil` if it is missing, null or empty.
    public func filledText(_ key: String) throws(Failure) -> String? {
        let text = try self[key]?.text()
        return text == "" ? nil : text
    }

    public func boolean(_ key: String, default fallback: Bool) throws(Failure) -> Bool {
        try self[key]?.boolean() ?? fallback
    }

    /// A whole number from 1 on that fits 31 bits.
    public func count(_ key: String, default fallback: Int?) throws(Failure) -> Int {
        try required(try optionalCount(key) ?? fallback, key)
    }

    public func optionalCount(_ key: String) throws(Failure) -> Int? {
        try self[key]?.count(from: 1)
    }

    /// As ``optionalCount(_:)``, with a value for where the key is absent; where it is null there is
    /// none.
    public func optionalCount(_ key: String, absent: Int?) throws(Failure) -> Int? {
        try optionalCount(key) ?? (member(key) == nil ? absent : nil)
    }

    /// A whole number from 0 on that fits 31 bits.
    public func wholeNumber(_ key: String, default fallback: Int) throws(Failure) -> Int {
        try self[key]?.count(from: 0) ?? fallback
    }

    /// A list of texts; `nil` where the key is absent.
    public func texts(_ key: String) throws(Failure) -> [String]? { try self[key]?.texts() }

    /// A finite number above zero.
    public func positive(_ key: String, default fallback: Double?) throws(Failure) -> Double {
        try required(try self[key]?.positive() ?? fallback, key)
    }

    /// A finite number above zero; none where the key is null.
    public func optionalPositive(_ key: String, absent: Double?) throws(Failure) -> Double? {
        try self[key]?.positive() ?? (member(key) == nil ? absent : nil)
    }

    /// One token id or a list of them; `fallback` where the key is absent, none where it is null.
    public func tokens(_ key: String, default fallback: [Int]) throws(Failure) -> [Int] {
        try self[key]?.tokens() ?? (member(key) == nil ? fallback : [])
    }

    /// The object under `key`; `nil` where there is none.
    public func object(_ key: String) throws(Failure) -> JSONReader? {
        guard let reader = self[key] else { return nil }
        guard reader.isObject else { throw reader.wrong("an object") }
        return reader
    }
}
