/// The members of a JSON object, in their order.
///
/// Keys are told apart by their bytes. Two strings that look alike, `é` in one character or in two, are
/// equal in Swift; as tokens of a vocabulary they are two.
public struct JSONObject: Sendable {
    /// Keys in the text's order.
    public private(set) var keys: [String] = []
    private var values: [JSONValue] = []
    /// Of ``keys``, once they are more than ``mostSearched``.
    private var places: [ByteKey: Int] = [:]

    /// Most objects are small: comparing some keys costs less than a table of them.
    private static let mostSearched = 16

    private struct ByteKey: Hashable {
        let text: String

        static func == (left: ByteKey, right: ByteKey) -> Bool {
            left.text.hasBytes(of: right.text)
        }

        func hash(into hasher: inout Hasher) {
            var text = text
            text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        }
    }

    public init() {}

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
        if let place = place(of: key) { values[place] = value } else { append(key, value) }
    }

    /// Takes `key` out, if it is there.
    public mutating func remove(_ key: String) {
        guard let place = place(of: key) else { return }
        keys.remove(at: place)
        values.remove(at: place)
        places = [:]
        if keys.count > Self.mostSearched { index() }
    }

    /// The value of `key`, or `nil`; setting `nil` takes it out.
    public subscript(key: String) -> JSONValue? {
        get { place(of: key).map { values[$0] } }
        set { if let newValue { set(key, newValue) } else { remove(key) } }
    }

    /// - Returns: `false` if `key` is there already.
    mutating func add(_ value: JSONValue, for key: String) -> Bool {
        guard place(of: key) == nil else { return false }
        append(key, value)
        return true
    }

    private mutating func append(_ key: String, _ value: JSONValue) {
        keys.append(key)
        values.append(value)
        if keys.count == Self.mostSearched + 1 {
            index()
        } else if keys.count > Self.mostSearched {
            places[ByteKey(text: key)] = keys.count - 1
        }
    }

    private mutating func index() {
        for (place, key) in keys.enumerated() { places[ByteKey(text: key)] = place }
    }

    private func place(of key: String) -> Int? {
        keys.count > Self.mostSearched
            ? places[ByteKey(text: key)] : keys.firstIndex { $0.hasBytes(of: key) }
    }
}

extension JSONObject: Equatable {
    /// Whether both have the same members in the same order.
    public static func == (left: JSONObject, right: JSONObject) -> Bool {
        left.values == right.values
            && left.keys.elementsEqual(right.keys) { $0.hasBytes(of: $1) }
    }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    /// - Precondition: No key is there twice.
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        self.init(elements.map { (key: $0.0, value: $0.1) })
    }
}

extension JSONObject: Sequence {
    /// The members, in their order.
    public func makeIterator() -> Zip2Sequence<[String], [JSONValue]>.Iterator {
        zip(keys, values).makeIterator()
    }

    /// Without members that are null, at any depth. Null items of lists stay.
    public var withoutNulls: JSONObject {
        JSONObject(
            compactMap { key, value in
                value == .null ? nil : (key: key, value: value.withoutNulls)
            })
    }
}

extension String {
    fileprivate func hasBytes(of other: String) -> Bool { utf8.elementsEqual(other.utf8) }
}
