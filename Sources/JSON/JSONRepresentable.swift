/// What has one obvious form in JSON.
public protocol JSONRepresentable {
    var json: JSONValue { get }
}

extension JSONValue: JSONRepresentable {
    public var json: JSONValue { self }
}

extension JSONObject: JSONRepresentable {
    public var json: JSONValue { .object(self) }

    /// As ``set(_:_:)-(_,JSONValue)``, of a value of Swift's.
    public mutating func set(_ key: String, _ value: some JSONRepresentable) {
        set(key, value.json)
    }
}

extension Bool: JSONRepresentable {
    public var json: JSONValue { .boolean(self) }
}

extension Int: JSONRepresentable {
    public var json: JSONValue { .integer(self) }
}

/// Not finite means null.
extension Double: JSONRepresentable {
    public var json: JSONValue { .number(self) }
}

extension String: JSONRepresentable {
    public var json: JSONValue { .text(self) }
}

extension Array: JSONRepresentable where Element: JSONRepresentable {
    public var json: JSONValue { .array(map(\.json)) }
}

/// Absent means null.
extension Optional: JSONRepresentable where Wrapped: JSONRepresentable {
    public var json: JSONValue { self?.json ?? .null }
}
