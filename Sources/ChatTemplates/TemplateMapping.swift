import JSON

/// A mapping with its keys in the order in which they came.
struct TemplateMapping {
    private(set) var keys: [TemplateValue] = []
    private var values: [MappingKey: TemplateValue] = [:]

    subscript(key: MappingKey) -> TemplateValue? { values[key] }
    subscript(name: String) -> TemplateValue? { values[.text(ExactText(name))] }

    /// Puts `value` in the place of the one that `key` has, or at the end.
    ///
    /// - Returns: `false` if `key` cannot be one.
    @discardableResult mutating func set(_ key: TemplateValue, _ value: TemplateValue) -> Bool {
        guard let hashed = MappingKey(key) else { return false }
        if values.updateValue(value, forKey: hashed) == nil { keys.append(key) }
        return true
    }

    /// Keys with their values.
    var members: [(key: TemplateValue, value: TemplateValue)] {
        keys.map { key in (key, MappingKey(key).flatMap { values[$0] } ?? .none) }
    }

    /// Keys with their values, as tuples.
    var items: [TemplateValue] { members.map { .tuple([$0.key, $0.value]) } }
}

/// A key; equal numbers of different types are the same one, as in Python.
enum MappingKey: Hashable {
    case none
    case integer(Int)
    case number(Double)
    case text(ExactText)
    case tuple([MappingKey])

    /// `nil` if the value cannot be a key.
    init?(_ value: TemplateValue) {
        switch value {
        case .none: self = .none
        case .boolean(let value): self = .integer(value ? 1 : 0)
        case .integer(let value): self = .integer(value)
        case .number(let value):
            self = Int(exactly: value).map { .integer($0) } ?? .number(value)
        case .text(let text), .markup(let text): self = .text(ExactText(text))
        case .tuple(let values):
            var keys: [MappingKey] = []
            for value in values {
                guard let key = MappingKey(value) else { return nil }
                keys.append(key)
            }
            self = .tuple(keys)
        default: return nil
        }
    }
}

/// A text that equals only the same code points: Swift's strings equal canonical equivalents too.
struct ExactText: Hashable {
    let text: String

    init(_ text: String) { self.text = text }

    static func == (left: ExactText, right: ExactText) -> Bool {
        left.text.utf8.elementsEqual(right.text.utf8)
    }

    func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}

extension TemplateValue {
    init(_ value: JSONValue) {
        switch value {
        case .null: self = .none
        case .boolean(let value): self = .boolean(value)
        case .integer(let value): self = .integer(value)
        case .number(let value): self = .number(value)
        case .text(let text): self = .text(text)
        case .array(let values): self = .list(values.map { TemplateValue($0) })
        case .object(let object): self = TemplateValue(object)
        }
    }

    init(_ object: JSONObject) {
        var mapping = TemplateMapping()
        for key in object.keys { mapping.set(.text(key), TemplateValue(object[key] ?? .null)) }
        self = .mapping(mapping)
    }
}
