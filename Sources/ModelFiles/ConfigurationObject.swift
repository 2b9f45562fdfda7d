import Files

/// A JSON object of settings, read key by key; a value of the wrong kind is named by its key.
///
/// `null` counts as absent, as it does for transformers. Remembers what was asked for, so that what
/// nobody has read can be told (``unread``).
struct ConfigurationObject {
    private let members: JSONObject
    private let path: String
    /// Key of this object in the file, or `nil` for the whole file.
    private let section: String?
    private let read = ReadKeys()

    private final class ReadKeys {
        var keys: Set<String> = []
    }

    /// The object that is the whole file.
    init(_ file: MappedFile) throws(ModelFileError) {
        guard case .object(let members) = try JSONValue.read(file, maximumBytes: 16 << 20) else {
            throw ModelFileError("is no JSON object", file: file.path)
        }
        self.init(members, path: file.path, section: nil)
    }

    private init(_ members: JSONObject, path: String, section: String?) {
        self.members = members
        self.path = path
        self.section = section
    }

    func failure(_ problem: String, hint: String? = nil) -> ModelFileError {
        ModelFileError(problem, file: path, part: section, hint: hint)
    }

    func has(_ key: String) -> Bool { value(key) != nil }

    /// Says that these keys change nothing here.
    func passOver(_ keys: String...) { read.keys.formUnion(keys) }

    /// Keys that nobody has asked for and that are not null, in the file's order.
    var unread: [(key: String, value: JSONValue)] {
        members.keys.compactMap { key in
            guard !read.keys.contains(key), let value = members[key], value != .null else {
                return nil
            }
            return (key, value)
        }
    }

    /// Whether it says nothing at all.
    var isEmpty: Bool { members.keys.isEmpty }

    /// A text; `fallback` where the key is absent, which without a fallback is an error.
    func text(_ key: String, default fallback: String?) throws(ModelFileError) -> String {
        switch value(key) {
        case .text(let text): return text
        case nil: return try required(fallback, key)
        case let other?: throw wrong(key, other, "a text")
        }
    }

    func boolean(_ key: String, default fallback: Bool) throws(ModelFileError) -> Bool {
        switch value(key) {
        case .boolean(let boolean): return boolean
        case nil: return fallback
        case let other?: throw wrong(key, other, "true or false")
        }
    }

    /// A whole number from 1 on that fits 31 bits, so that products of two do not overflow.
    func count(_ key: String, default fallback: Int?) throws(ModelFileError) -> Int {
        if let count = try optionalCount(key) { return count }
        return try required(fallback, key)
    }

    func optionalCount(_ key: String) throws(ModelFileError) -> Int? {
        switch value(key) {
        case .integer(let count) where (1...Int64(Int32.max)).contains(count): return Int(count)
        case nil: return nil
        case let other?: throw wrong(key, other, "a whole number from 1 to \(Int32.max)")
        }
    }

    /// As ``optionalCount(_:)``, with a value for where the key is absent; where it is null there is
    /// none.
    func optionalCount(_ key: String, absent: Int?) throws(ModelFileError) -> Int? {
        try optionalCount(key) ?? (members[key] == nil ? absent : nil)
    }

    /// A whole number from 0 on that fits 31 bits.
    func wholeNumber(_ key: String, default fallback: Int) throws(ModelFileError) -> Int {
        switch value(key) {
        case .integer(let number) where (0...Int64(Int32.max)).contains(number):
            return Int(number)
        case nil: return fallback
        case let other?: throw wrong(key, other, "a whole number from 0 to \(Int32.max)")
        }
    }

    /// A list of texts; `nil` where the key is absent.
    func texts(_ key: String) throws(ModelFileError) -> [String]? {
        guard let list = value(key) else { return nil }
        guard case .array(let values) = list else { throw wrong(key, list, "a list of texts") }
        var texts: [String] = []
        for value in values {
            guard case .text(let text) = value else { throw wrong(key, value, "a text") }
            texts.append(text)
        }
        return texts
    }

    /// A finite number above zero; none where the key is null.
    func optionalPositive(_ key: String, absent: Double?) throws(ModelFileError) -> Double? {
        guard has(key) else { return members[key] == nil ? absent : nil }
        return try positive(key, default: nil)
    }

    /// A finite number above zero.
    func positive(_ key: String, default fallback: Double?) throws(ModelFileError) -> Double {
        switch value(key) {
        case .integer(let number) where number > 0: return Double(number)
        case .number(let number) where number > 0: return number
        case nil: return try required(fallback, key)
        case let other?: throw wrong(key, other, "a number above zero")
        }
    }

    /// One token id or a list of them; `fallback` where the key is absent, none where it is null.
    func tokens(_ key: String, default fallback: [Int]) throws(ModelFileError) -> [Int] {
        read.keys.insert(key)
        switch members[key] {
        case nil: return fallback
        case .null: return []
        case .integer(let token): return [Int(token)]
        case .array(let values)?:
            var tokens: [Int] = []
            for value in values {
                guard case .integer(let token) = value else {
                    throw wrong(key, value, "a token number")
                }
                tokens.append(Int(token))
            }
            return tokens
        case let other?: throw wrong(key, other, "a token number or a list of them")
        }
    }

    func object(_ key: String) throws(ModelFileError) -> ConfigurationObject? {
        switch value(key) {
        case .object(let members): return ConfigurationObject(members, path: path, section: key)
        case nil: return nil
        case let other?: throw wrong(key, other, "an object")
        }
    }

    private func value(_ key: String) -> JSONValue? {
        read.keys.insert(key)
        guard let value = members[key], value != .null else { return nil }
        return value
    }

    /// `value`, or the complaint that `key` is missing.
    private func required<T>(_ value: T?, _ key: String) throws(ModelFileError) -> T {
        guard let value else { throw failure("\(key) is missing") }
        return value
    }

    private func wrong(_ key: String, _ value: JSONValue, _ needed: String) -> ModelFileError {
        failure("\(key) is \(value.shown), but must be \(needed)")
    }
}
