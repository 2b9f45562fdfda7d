/// The methods that Python's values have.
///
/// A name among these is an attribute even where it is not called: `message.items` is never a
/// message's member `items`.
enum PythonMethods {
    /// Whether a value has such a method in Python.
    static func has(_ name: String, _ value: TemplateValue) -> Bool {
        switch value {
        case .text, .markup: texts.contains(name)
        case .mapping: mappings.contains(name)
        case .list: lists.contains(name)
        case .tuple: name == "count" || name == "index"
        case .integer, .boolean, .number: numbers.contains(name)
        default: false
        }
    }

    /// All names.
    static let all = texts.union(mappings).union(lists).union(numbers)

    private static let texts: Set = [
        "capitalize", "casefold", "center", "count", "encode", "endswith", "expandtabs", "find",
        "format", "format_map", "index", "isalnum", "isalpha", "isascii", "isdecimal", "isdigit",
        "isidentifier", "islower", "isnumeric", "isprintable", "isspace", "istitle", "isupper",
        "join", "ljust", "lower", "lstrip", "maketrans", "partition", "removeprefix",
        "removesuffix", "replace", "rfind", "rindex", "rjust", "rpartition", "rsplit", "rstrip",
        "split", "splitlines", "startswith", "strip", "swapcase", "title", "translate", "upper",
        "zfill",
    ]
    private static let mappings: Set = [
        "clear", "copy", "fromkeys", "get", "items", "keys", "pop", "popitem", "setdefault",
        "update", "values",
    ]
    private static let lists: Set = [
        "append", "clear", "copy", "count", "extend", "index", "insert", "pop", "remove",
        "reverse", "sort",
    ]
    private static let numbers: Set = [
        "as_integer_ratio", "bit_count", "bit_length", "conjugate", "denominator", "from_bytes",
        "fromhex", "hex", "imag", "is_integer", "numerator", "real", "to_bytes",
    ]
    /// What transformers' sandbox forbids.
    static let changing: Set = [
        "append", "clear", "extend", "insert", "pop", "popitem", "remove", "reverse", "setdefault",
        "sort", "update",
    ]
}

extension Rendering {
    func call(
        _ method: TemplateMethod, _ arguments: CallArguments
    ) throws(ChatTemplateError) -> TemplateValue {
        switch method.receiver {
        case .text(let text): return try call(method.name, of: text, arguments)
        case .loop(let state): return try call(method.name, of: state, arguments)
        case .mapping(let mapping):
            if let value = try call(method.name, of: mapping, arguments) { return value }
        case .list(let values), .tuple(let values):
            if let value = try call(method.name, of: values, arguments) { return value }
        default: break
        }
        if PythonMethods.changing.contains(method.name) {
            throw failure(
                "'\(method.name)' changes a \(method.receiver.typeName)",
                hint: "Templates may not change what they are given, nor lists; transformers "
                    + "refuses this too")
        }
        throw unsupported("the method '\(method.name)' of a \(method.receiver.typeName)")
    }

    private func call(
        _ name: String, of mapping: TemplateMapping, _ arguments: CallArguments
    ) throws(ChatTemplateError) -> TemplateValue? {
        guard arguments.named.isEmpty else { throw unsupported("a named argument of '\(name)'") }
        try spend(name == "get" ? 1 : mapping.keys.count)
        switch name {
        case "get":
            guard let key = arguments.positional.first, arguments.positional.count <= 2 else {
                throw failure("'get' takes one or two arguments")
            }
            guard let hashed = MappingKey(key) else {
                throw failure("a \(key.typeName) cannot be a key")
            }
            return mapping[hashed]
                ?? (arguments.positional.count > 1 ? arguments.positional[1] : TemplateValue.none)
        case "items": return .view(TemplateView(kind: .items, values: mapping.items))
        case "keys": return .view(TemplateView(kind: .keys, values: mapping.keys))
        case "values":
            return .view(TemplateView(kind: .values, values: mapping.members.map(\.value)))
        case "copy": return .mapping(mapping)
        default: return nil
        }
    }

    private func call(
        _ name: String, of values: [TemplateValue], _ arguments: CallArguments
    ) throws(ChatTemplateError) -> TemplateValue? {
        guard name == "count" || name == "index", arguments.positional.count == 1 else {
            return name == "copy" ? .list(values) : nil
        }
        var count = 0
        for (index, value) in values.enumerated()
        where try isEqual(value, arguments.positional[0]) {
            if name == "index" { return .integer(index) }
            count += 1
        }
        guard name == "count" else { throw failure("'index' finds no such item") }
        return .integer(count)
    }

    private func call(
        _ name: String, of state: LoopState, _ arguments: CallArguments
    ) throws(ChatTemplateError) -> TemplateValue {
        let given = arguments.positional
        guard name == "changed" else {
            guard !given.isEmpty else { throw failure("'cycle' needs a value") }
            return given[state.index % given.count]
        }
        let isSame =
            try state.lastSeen.map { (seen) throws(ChatTemplateError) in
                try isEqual(.list(seen), .list(given))
            } ?? false
        state.lastSeen = given
        return .boolean(!isSame)
    }
}
