import Foundation

/// Why a record cannot be used; where it stands is for the caller to say.
struct BadRecord: Error {
    let reason: String

    init(_ reason: String) { self.reason = reason }
}

/// A JSON object of a data file.
struct Record {
    private let members: [String: Any]

    /// No real sample comes near; it keeps a file that is one endless line from filling memory.
    static let maximumBytes = 64 << 20

    init(json bytes: Slice<UnsafeRawBufferPointer>) throws(BadRecord) {
        guard bytes.count <= Self.maximumBytes else {
            throw BadRecord("is too long (\(bytes.count) bytes; at most \(Self.maximumBytes))")
        }
        // JSONSerialization repairs broken UTF-8 silently.
        guard bytes.isValidUTF8 else { throw BadRecord("is not valid UTF-8") }
        let value: Any
        do {
            value = try JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)
        } catch {
            let details = (error as NSError).userInfo["NSDebugDescription"] as? String
            throw BadRecord("is not valid JSON (\(details ?? "unknown reason"))")
        }
        guard let members = value as? [String: Any] else {
            throw BadRecord("is \(Self.kind(of: value)), not a JSON object")
        }
        self.members = members
    }

    func has(_ key: String) -> Bool { members[key] != nil }

    /// The keys, sorted; those of long or strange objects are cut off.
    var keys: String {
        let shown = members.keys.sorted().prefix(8).map { key in
            key.unicodeScalars.prefix(24).map { $0.escaped(asASCII: false) }.joined()
        }
        return shown.joined(separator: ", ") + (members.count > 8 ? ", …" : "")
    }

    func text(_ key: String) throws(BadRecord) -> String {
        guard let value = members[key] else { throw BadRecord("has no key '\(key)'") }
        guard let text = value as? String else {
            throw BadRecord("has \(Self.kind(of: value)) as '\(key)', which must be a string")
        }
        return text
    }

    /// As ``text(_:)``, but the key may be missing or null.
    func optionalText(_ key: String) throws(BadRecord) -> String? {
        guard let value = members[key], !(value is NSNull) else { return nil }
        return try text(key)
    }

    private static func kind(of value: Any) -> String {
        switch value {
        case is NSNull: "null"
        case is String: "a string"
        case is [Any]: "an array"
        case is [String: Any]: "an object"
        // Foundation's numbers do not tell 1 from true.
        default: "a number or a boolean"
        }
    }
}

extension Slice<UnsafeRawBufferPointer> {
    /// Checked without making a string of the bytes.
    fileprivate var isValidUTF8: Bool {
        var decoder = UTF8()
        var iterator = makeIterator()
        while true {
            switch decoder.decode(&iterator) {
            case .scalarValue: continue
            case .emptyInput: return true
            case .error: return false
            }
        }
    }
}
