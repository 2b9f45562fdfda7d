/// A value while a template is rendered. The names follow Python's types.
///
/// Lists and mappings never change, as in transformers' sandbox; only namespaces do.
enum TemplateValue {
    /// Why it has no value, for messages.
    case undefined(String)
    case none
    case boolean(Bool)
    case integer(Int)
    case number(Double)
    case text(String)
    /// Text that `safe` has marked: adding to it escapes what is added.
    case markup(String)
    case list([TemplateValue])
    case tuple([TemplateValue])
    case mapping(TemplateMapping)
    case view(TemplateView)
    case generator(TemplateGenerator)
    case namespace(TemplateNamespace)
    case macro(BoundMacro)
    case loop(LoopState)
    case function(String)
    case method(TemplateMethod)

    static var empty: TemplateValue { .text("") }
}

/// What `range()`, `.items()`, `.keys()` and `.values()` give: counted, but no list.
struct TemplateView {
    enum Kind: String {
        case items = "dict_items"
        case keys = "dict_keys"
        case values = "dict_values"
        case range
    }
    let kind: Kind
    let values: [TemplateValue]
}

/// What filters such as `map` give: may be run through once.
final class TemplateGenerator {
    private(set) var rest: ArraySlice<TemplateValue>

    init(_ values: [TemplateValue]) { rest = values[...] }

    func takeAll() -> [TemplateValue] {
        defer { rest = [] }
        return Array(rest)
    }

    func next() -> TemplateValue? { rest.popFirst() }
}

/// `namespace()`: the one value that assignments change.
final class TemplateNamespace {
    var members: [String: TemplateValue] = [:]
}

/// A method that was named but not called yet.
final class TemplateMethod {
    let receiver: TemplateValue
    let name: String

    init(_ receiver: TemplateValue, _ name: String) {
        self.receiver = receiver
        self.name = name
    }
}

/// A macro, and where it sees its names.
final class BoundMacro {
    let macro: TemplateMacro
    let scope: Scope

    init(_ macro: TemplateMacro, in scope: Scope) {
        self.macro = macro
        self.scope = scope
    }
}

/// Names of one block; names that it lacks are the outer block's.
final class Scope {
    var values: [String: TemplateValue] = [:]
    let outer: Scope?

    init(in outer: Scope?) { self.outer = outer }

    func value(_ name: String) -> TemplateValue? {
        var scope: Scope? = self
        while let current = scope {
            if let value = current.values[name] { return value }
            scope = current.outer
        }
        return nil
    }
}

extension TemplateValue {
    /// Python's name of the type, for messages.
    var typeName: String {
        switch self {
        case .undefined: "undefined"
        case .none: "none"
        case .boolean: "boolean"
        case .integer: "integer"
        case .number: "number"
        case .text, .markup: "string"
        case .list: "list"
        case .tuple: "tuple"
        case .mapping: "mapping"
        case .view(let view): view.kind.rawValue
        case .generator: "generator"
        case .namespace: "namespace"
        case .macro: "macro"
        case .loop: "loop"
        case .function: "function"
        case .method: "method"
        }
    }

    /// Python's truth of a value.
    var isTrue: Bool {
        switch self {
        case .undefined, .none: false
        case .boolean(let value): value
        case .integer(let value): value != 0
        case .number(let value): value != 0
        case .text(let text), .markup(let text): !text.isEmpty
        case .list(let values), .tuple(let values): !values.isEmpty
        case .mapping(let mapping): !mapping.keys.isEmpty
        case .view(let view): !view.values.isEmpty
        case .generator, .namespace, .macro, .loop, .function, .method: true
        }
    }

    /// The text of a string, marked or not.
    var string: String? {
        switch self {
        case .text(let text), .markup(let text): text
        default: nil
        }
    }

    /// The number of an integer or boolean, which Python counts as one.
    var wholeNumber: Int? {
        switch self {
        case .integer(let value): value
        case .boolean(let value): value ? 1 : 0
        default: nil
        }
    }

    var anyNumber: Double? {
        if case .number(let value) = self { return value }
        return wholeNumber.map { Double($0) }
    }
}
