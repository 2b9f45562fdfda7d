import Tensors
import Words

/// GGUF metadata read key by key; a value of the wrong kind is named by its key.
///
/// Remembers what was asked for, so that ``refuseUnread(_:)`` can tell what was not.
final class GGUFKeys {
    /// What keys of the model begin with.
    let architecture: String
    private let metadata: [String: GGUFValue]
    private let path: String
    private var read: Set<String> = []

    init(_ file: GGUFParts) throws(ModelFileError) {
        metadata = file.metadata
        path = file.path
        guard case .text(let name)? = file.metadata["general.architecture"] else {
            let value = file.metadata["general.architecture"]
            throw ModelFileError(
                value.map { "is \($0.shown), but must be a text" } ?? "is missing", file: path,
                part: "metadata key 'general.architecture'")
        }
        architecture = name
    }

    /// The whole key: the architecture goes before those of the model.
    func key(_ name: String) -> String {
        name.hasPrefix("tokenizer.") ? name : "\(architecture).\(name)"
    }

    func failure(_ key: String, _ problem: String, hint: String? = nil) -> ModelFileError {
        ModelFileError(
            problem, file: path, part: "metadata key \(self.key(key).quoted)", hint: hint)
    }

    func value(_ key: String) -> GGUFValue? {
        let whole = self.key(key)
        read.insert(whole)
        return metadata[whole]
    }

    /// Keys of the architecture, without its name, that nobody has asked for, sorted.
    var unread: [(key: String, value: GGUFValue)] {
        let prefix = architecture + "."
        return metadata.filter { $0.key.hasPrefix(prefix) && !read.contains($0.key) }
            .map { (String($0.key.dropFirst(prefix.count)), $0.value) }
            .sorted { $0.0 < $1.0 }
    }

    /// A text; `fallback` where the key is absent, which without a fallback is an error.
    func text(_ key: String, default fallback: String?) throws(ModelFileError) -> String {
        switch value(key) {
        case .text(let text): return text
        case nil: return try required(fallback, key)
        case let other?: throw wrong(key, other, "a text")
        }
    }

    func integer(_ key: String, default fallback: Int?) throws(ModelFileError) -> Int {
        switch value(key) {
        case .integer(let value): return Int(value)
        case nil: return try required(fallback, key)
        case let other?: throw wrong(key, other, "a whole number")
        }
    }

    /// A whole number from 1 on that fits 31 bits, so that products of two do not overflow.
    func count(_ key: String, default fallback: Int?) throws(ModelFileError) -> Int {
        let value = try integer(key, default: fallback)
        guard (1...Int(Int32.max)).contains(value) else {
            throw failure(key, "is \(value), but must be from 1 to \(Int32.max)")
        }
        return value
    }

    /// As ``count(_:default:)``; `nil` where the key is absent or 0.
    func optionalCount(_ key: String) throws(ModelFileError) -> Int? {
        try integer(key, default: 0) == 0 ? nil : try count(key, default: nil)
    }

    func boolean(_ key: String, default fallback: Bool) throws(ModelFileError) -> Bool {
        switch value(key) {
        case .boolean(let value): return value
        case nil: return fallback
        case let other?: throw wrong(key, other, "true or false")
        }
    }

    func positive(_ key: String, default fallback: Double?) throws(ModelFileError) -> Double {
        switch value(key) {
        case .number(let value) where value > 0 && value.isFinite: return value
        case nil: return try required(fallback, key)
        case let other?: throw wrong(key, other, "a number above zero")
        }
    }

    /// As ``positive(_:default:)``; `nil` where the key is absent or 0, llama.cpp's word for unset.
    func optionalPositive(_ key: String) throws(ModelFileError) -> Double? {
        guard let value = value(key), value != .number(0) else { return nil }
        return try positive(key, default: nil)
    }

    func token(_ key: String) throws(ModelFileError) -> Int? {
        value(key) == nil ? nil : try integer(key, default: nil)
    }

    /// `value`, or the complaint that `key` is missing.
    private func required<T>(_ value: T?, _ key: String) throws(ModelFileError) -> T {
        guard let value else { throw failure(key, "is missing") }
        return value
    }

    func wrong(_ key: String, _ value: GGUFValue, _ needed: String) -> ModelFileError {
        failure(key, "is \(value.shown), but must be \(needed)")
    }
}
