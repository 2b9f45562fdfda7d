import Foundation

/// A JSON object on one line whose keys keep their order.
struct JSONText {
    private var members: [String] = []

    var text: String { "{" + members.joined(separator: ",") + "}" }

    mutating func add(_ key: String, _ value: Int) { members.append("\"\(key)\":\(value)") }

    /// The shortest digits that give the same number when read back.
    mutating func add(_ key: String, _ value: Double) {
        members.append("\"\(key)\":\(value.isFinite ? "\(value)" : "null")")
    }

    mutating func add(_ key: String, _ value: String) { addFoundation(key, value) }

    mutating func add(_ key: String, _ values: [String]) { addFoundation(key, values) }

    private mutating func addFoundation(_ key: String, _ value: Any) {
        let data = try? JSONSerialization.data(
            withJSONObject: value, options: [.fragmentsAllowed, .withoutEscapingSlashes])
        members.append("\"\(key)\":" + (data.map { String(decoding: $0, as: UTF8.self) } ?? "null"))
    }

    mutating func add(_ key: String, _ value: JSONText) {
        members.append("\"\(key)\":\(value.text)")
    }

    mutating func add(_ key: String, _ values: [JSONText]) {
        members.append("\"\(key)\":[\(values.map(\.text).joined(separator: ","))]")
    }
}
