import ChatTemplates
import JSON
import Words

/// Why a record cannot be used; where it stands is for the caller to say.
struct BadRecord: Error {
    let reason: String

    init(_ reason: String) { self.reason = reason }
}

/// A JSON object of a data file.
struct Record {
    private let members: JSONObject

    /// No real sample comes near; it keeps a file that is one endless line from filling memory.
    static let maximumBytes = 64 << 20

    /// - Throws: ``BadRecord`` for a record that ``RecordCutter`` has left out.
    static func requireLength(_ byteCount: Int) throws(BadRecord) {
        guard byteCount <= maximumBytes else {
            throw BadRecord("is too long (\(byteCount) bytes; at most \(maximumBytes))")
        }
    }

    init(json bytes: UnsafeRawBufferPointer) throws(BadRecord) {
        // Before any parsing, so that the message says what to mend.
        guard bytes.isValidUTF8 else { throw BadRecord("is not valid UTF-8") }
        // Not Foundation's parser: it drops a byte order mark at the start of a string.
        let value: JSONValue
        do {
            value = try JSONValue(json: bytes)
        } catch {
            throw BadRecord(error.problem)
        }
        guard case .object(let members) = value else {
            throw BadRecord("is \(value.kindInWords), not a JSON object")
        }
        self.members = members
    }

    /// The value of `key`; `nil` if there is none.
    subscript(key: String) -> JSONValue? { members[key] }

    /// Whether there is a value: null counts as none, as tables give every record all keys.
    func has(_ key: String) -> Bool { members[key].map { $0 != .null } ?? false }

    func isList(_ key: String) -> Bool {
        if case .array? = members[key] { true } else { false }
    }

    /// In the file's order.
    var keys: [String] { members.keys }

    /// The first keys, for a message.
    var shownKeys: String { Self.shown(members.keys, count: 8) }

    /// Some keys of data of strangers on one line.
    static func shown(_ keys: [String], count: Int) -> String {
        let shown = keys.prefix(count).map { $0.excerpt(24) }
        return shown.joined(separator: ", ") + (keys.count > count ? ", …" : "")
    }

    func text(_ key: String) throws(BadRecord) -> String {
        guard let value = members[key] else { throw BadRecord("has no key '\(key)'") }
        guard case .text(let text) = value else {
            throw BadRecord("has \(value.kindInWords) as '\(key)', which must be a string")
        }
        return text
    }

    /// As ``text(_:)``, but the key may be missing or null.
    func optionalText(_ key: String) throws(BadRecord) -> String? {
        guard let value = members[key], value != .null else { return nil }
        return try text(key)
    }

    /// The items of the list `key`, which may be a JSON text.
    func list(_ key: String) throws(BadRecord) -> [JSONValue] {
        guard let value = members[key], value != .null else {
            throw BadRecord("has no key '\(key)'")
        }
        guard case .array(let items) = value.string.flatMap(JSONValue.init(text:)) ?? value else {
            throw BadRecord("has \(value.kindInWords) as '\(key)', which must be an array")
        }
        return items
    }
}

extension UnsafeRawBufferPointer {
    /// Checked without making a string of the bytes.
    fileprivate var isValidUTF8: Bool {
        var offset = 0
        // Most texts are ASCII for long stretches.
        while offset + 8 <= count {
            guard
                loadUnaligned(fromByteOffset: offset, as: UInt64.self) & 0x8080_8080_8080_8080 == 0
            else { break }
            offset += 8
        }
        var decoder = UTF8()
        var iterator = self[offset...].makeIterator()
        while true {
            switch decoder.decode(&iterator) {
            case .scalarValue: continue
            case .emptyInput: return true
            case .error: return false
            }
        }
    }
}
