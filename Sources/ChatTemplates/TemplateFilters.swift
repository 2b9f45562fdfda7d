import Words

/// The names of filters.
enum TemplateFilters {
    static let supported: Set = [
        "abs", "capitalize", "count", "d", "default", "dictsort", "first", "float", "indent",
        "int", "items", "join", "last", "length", "list", "lower", "map", "max", "min", "reject",
        "rejectattr", "replace", "reverse", "safe", "select", "selectattr", "sort", "string",
        "sum", "title", "tojson", "trim", "unique", "upper",
    ]
    /// Every filter of Jinja2 3.1.
    static let known = supported.union([
        "attr", "batch", "center", "e", "escape", "filesizeformat", "forceescape", "format",
        "groupby", "pprint", "random", "round", "slice", "striptags", "truncate", "urlencode",
        "urlize", "wordcount", "wordwrap", "xmlattr",
    ])
}

extension Rendering {
    /// `value | name(arguments)`
    func filtered(
        _ value: TemplateValue, by name: String, _ arguments: CallArguments
    ) throws(ChatTemplateError) -> TemplateValue {
        guard TemplateFilters.supported.contains(name) else {
            throw unsupported("the filter \(name.quoted)")
        }
        if let filtered = try textFiltered(value, by: name, arguments) { return filtered }
        if let filtered = try listFiltered(value, by: name, arguments) { return filtered }
        func bound(_ parameters: String...) throws(ChatTemplateError) -> BoundArguments {
            try BoundArguments(arguments, to: parameters, of: name, in: self)
        }
        switch name {
        case "default", "d":
            let given = try bound("default_value", "boolean")
            let isMissing =
                if case .undefined = value { true } else {
                    given["boolean"]?.isTrue == true && !value.isTrue
                }
            return isMissing ? given["default_value"] ?? .empty : value
        case "length", "count":
            _ = try bound()
            return .integer(try length(of: value))
        case "int":
            let given = try bound("default", "base")
            if given["base"] != nil { throw unsupported("the argument 'base' of 'int'") }
            return try wholeNumber(value) ?? given["default"] ?? .integer(0)
        case "float":
            let given = try bound("default")
            if case .undefined(let reason) = value {
                throw failure("\(reason), so it is no number")
            }
            if let number = value.anyNumber { return .number(number) }
            return value.string.flatMap { Double(python: $0) }.map { .number($0) }
                ?? given["default"] ?? .number(0)
        case "abs":
            _ = try bound()
            if case .number(let number) = value { return .number(number.magnitude) }
            let number = try integer(value, "what 'abs' is applied to")
            return number < 0 ? try arithmetic(.subtract, .integer(0), value) : .integer(number)
        case "tojson":
            return .text(
                try json(
                    value,
                    try style(
                        bound("ensure_ascii", "indent", "separators", "sort_keys"))))
        default: throw unsupported("the filter '\(name)'")
        }
    }

    /// Python's `len(value)`.
    func length(of value: TemplateValue) throws(ChatTemplateError) -> Int {
        switch value {
        case .undefined: return 0
        case .text(let text), .markup(let text):
            try spend(text.utf8.count / 64)
            return text.unicodeScalars.count
        case .list(let values), .tuple(let values): return values.count
        case .mapping(let mapping): return mapping.keys.count
        case .view(let view): return view.values.count
        default: throw failure("a \(value.typeName) has no length")
        }
    }

    /// Python's `int(value)`, or `nil` where it fails.
    private func wholeNumber(_ value: TemplateValue) throws(ChatTemplateError) -> TemplateValue? {
        if case .undefined(let reason) = value { throw failure("\(reason), so it is no number") }
        if let number = value.wholeNumber { return .integer(number) }
        var fraction = value.anyNumber
        if let text = value.string {
            let digits = text.stripped { $0.isPythonSpace }
            let isPlain = digits.utf8.allSatisfy { (48...57).contains($0) || $0 == 43 || $0 == 45 }
            if isPlain, let number = Int(digits) { return .integer(number) }
            fraction = Double(python: text)
        }
        guard let fraction, fraction.isFinite else { return nil }
        guard let number = Int(exactly: fraction.rounded(.towardZero)) else {
            throw failure("a whole number does not fit 64 bits")
        }
        return .integer(number)
    }

    private func style(_ given: BoundArguments) throws(ChatTemplateError) -> JSONStyle {
        var style = JSONStyle()
        style.escapesNonASCII = given["ensure_ascii"]?.isTrue == true
        style.sortsKeys = given["sort_keys"]?.isTrue == true
        switch given["indent"] ?? .none {
        case .none: break
        case .text(let text): style.indentation = text
        case let width:
            let blanks = try integer(width, "the argument 'indent' of 'tojson'")
            guard blanks <= 1000 else { throw failure("an indentation of \(blanks) is too wide") }
            style.indentation = String(repeating: " ", count: max(blanks, 0))
        }
        if style.indentation != nil { style.itemSeparator = "," }
        if let separators = given["separators"], separators.isTrue {
            let pair = try elements(of: separators)
            guard pair.count == 2 else { throw failure("'separators' must be two texts") }
            style.itemSeparator = try string(pair[0], "a separator")
            style.keySeparator = try string(pair[1], "a separator")
        }
        return style
    }
}

extension Double {
    /// Python's `float(text)`, but for words and underscores.
    init?(python text: String) {
        let digits = text.stripped { $0.isPythonSpace }
        let isPlain = digits.utf8.allSatisfy {
            (48...57).contains($0) || [43, 45, 46, 69, 101].contains($0)
        }
        guard isPlain else { return nil }
        self.init(digits.hasSuffix(".") ? digits + "0" : digits)
    }
}
