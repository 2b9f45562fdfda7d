/// The names of tests.
enum TemplateTests {
    static let supported: Set = [
        "boolean", "callable", "defined", "divisibleby", "eq", "equalto", "even", "false", "float",
        "ge", "greaterthan", "gt", "in", "integer", "iterable", "le", "lessthan", "lower", "lt",
        "mapping", "ne", "none", "number", "odd", "sequence", "string", "true", "undefined",
        "upper", "==", "!=", ">", ">=", "<", "<=",
    ]
}

extension Rendering {
    /// `value is name(arguments)`
    func passes(
        _ value: TemplateValue, _ name: String, _ arguments: CallArguments
    ) throws(ChatTemplateError) -> Bool {
        guard arguments.named.isEmpty else { throw unsupported("a named argument of a test") }
        if let comparison = Self.comparisons[name] {
            return try compare(value, comparison, try only(arguments, of: name))
        }
        if name == "divisibleby" {
            let divisor = try only(arguments, of: name)
            return try isEqual(arithmetic(.remainder, value, divisor), .integer(0))
        }
        guard arguments.positional.isEmpty else { throw failure("'\(name)' takes no argument") }
        switch name {
        case "odd": return try isEqual(arithmetic(.remainder, value, .integer(2)), .integer(1))
        case "even": return try isEqual(arithmetic(.remainder, value, .integer(2)), .integer(0))
        case "lower": return try text(of: value).isPythonLower
        case "upper": return try text(of: value).isPythonUpper
        default: return value.isOfKind(name)
        }
    }

    private func only(
        _ arguments: CallArguments, of name: String
    ) throws(ChatTemplateError) -> TemplateValue {
        guard arguments.positional.count == 1 else {
            throw failure("the test '\(name)' needs one argument")
        }
        return arguments.positional[0]
    }

    private static let comparisons: [String: TemplateExpression.Comparison] = [
        "eq": .equal, "equalto": .equal, "==": .equal, "ne": .unequal, "!=": .unequal,
        "lt": .less, "lessthan": .less, "<": .less, "le": .lessOrEqual, "<=": .lessOrEqual,
        "gt": .greater, "greaterthan": .greater, ">": .greater, "ge": .greaterOrEqual,
        ">=": .greaterOrEqual, "in": .isIn,
    ]
}

extension TemplateValue {
    /// What the tests without argument ask of a value's type.
    fileprivate func isOfKind(_ name: String) -> Bool {
        switch (name, self) {
        case ("defined", .undefined): false
        case ("defined", _): true
        case ("undefined", .undefined), ("none", .none), ("boolean", .boolean),
            ("true", .boolean(true)), ("false", .boolean(false)), ("integer", .integer),
            ("float", .number), ("mapping", .mapping):
            true
        case ("number", .boolean), ("number", .integer), ("number", .number): true
        case ("string", .text), ("string", .markup): true
        // Jinja asks whether a length and items could be asked for; of what is undefined, they can.
        case ("sequence", .view(let view)): view.kind == .range
        case ("sequence", .text), ("sequence", .markup), ("sequence", .list), ("sequence", .tuple),
            ("sequence", .mapping), ("sequence", .undefined):
            true
        case ("iterable", .text), ("iterable", .markup), ("iterable", .list), ("iterable", .tuple),
            ("iterable", .mapping), ("iterable", .undefined), ("iterable", .view),
            ("iterable", .generator), ("iterable", .loop):
            true
        case ("callable", .macro), ("callable", .function), ("callable", .method),
            ("callable", .undefined), ("callable", .loop):
            true
        default: false
        }
    }
}
