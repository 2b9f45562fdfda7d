import Words

extension Rendering {
    /// Functions that every template sees.
    static let functions = ["dict", "namespace", "raise_exception", "range", "strftime_now"]

    /// As Jinja's sandbox.
    private static let longestRange = 100_000

    func call(
        _ callee: TemplateValue, _ arguments: CallArguments
    ) throws(ChatTemplateError) -> TemplateValue {
        switch callee {
        case .macro(let macro): return try call(macro, arguments)
        case .function(let name): return try call(function: name, arguments)
        case .method(let method): return try call(method, arguments)
        case .undefined(let reason): throw failure("\(reason), so it cannot be called")
        default: throw failure("a \(callee.typeName) cannot be called")
        }
    }

    // MARK: Macros

    private func call(
        _ bound: BoundMacro, _ arguments: CallArguments
    ) throws(ChatTemplateError) -> TemplateValue {
        let macro = bound.macro
        let callerLine = line
        let text = try scoped(in: bound.scope) { () throws(ChatTemplateError) in
            try bind(arguments, to: macro)
            return try captured { () throws(ChatTemplateError) in _ = try run(macro.body) }
        }
        line = callerLine
        return .text(text)
    }

    /// Sets the macro's parameters in the current scope.
    private func bind(
        _ arguments: CallArguments, to macro: TemplateMacro
    ) throws(ChatTemplateError) {
        let names = macro.parameters.map(\.name)
        var more = TemplateMapping()
        for (name, value) in arguments.named {
            let position = names.firstIndex(of: name)
            if let position, position >= arguments.positional.count {
                scope.values[name] = value
            } else if position == nil, macro.takesMoreNamed {
                more.set(.text(name), value)
            } else {
                throw failure(
                    "the macro '\(macro.name)' is given the argument \(name.quoted), "
                        + (position == nil ? "which it does not have" : "twice"))
            }
        }
        guard arguments.positional.count <= names.count || macro.takesMorePositional else {
            throw failure(
                "the macro '\(macro.name)' is given \(arguments.positional.count) arguments; "
                    + "it takes \(names.count)")
        }
        for (name, value) in zip(names, arguments.positional) { scope.values[name] = value }
        for parameter in macro.parameters where scope.values[parameter.name] == nil {
            scope.values[parameter.name] =
                try parameter.standard.map { (standard) throws(ChatTemplateError) in
                    try value(of: standard)
                } ?? .undefined("the parameter '\(parameter.name)' was not given")
        }
        if macro.takesMorePositional {
            scope.values["varargs"] = .tuple(Array(arguments.positional.dropFirst(names.count)))
        }
        if macro.takesMoreNamed { scope.values["kwargs"] = .mapping(more) }
    }

    // MARK: Functions

    private func call(
        function name: String, _ arguments: CallArguments
    ) throws(ChatTemplateError) -> TemplateValue {
        switch name {
        case "range": return try range(arguments)
        case "dict": return .mapping(try mapping(arguments))
        case "namespace":
            let namespace = TemplateNamespace()
            for (key, value) in try mapping(arguments).members {
                let key = try string(key, "a namespace's attribute")
                guard !key.hasPrefix("_") else {
                    throw failure("the attribute '\(key)' of a namespace begins with '_'")
                }
                namespace.members[key] = value
            }
            return .namespace(namespace)
        case "raise_exception":
            let message = try text(of: arguments.positional.first ?? .empty)
            throw failure("the template refuses the conversation, it raises: \(message.inOneLine)")
        default:
            let bound = try BoundArguments(
                arguments, to: ["format"], of: "strftime_now", in: self)
            let format = try string(bound["format"] ?? .none, "the format of 'strftime_now'")
            let text = date.map { $0.formatted(format) } ?? TemplateDate.now(format)
            guard let text else {
                throw failure("the date format \(format.quoted) cannot be written")
            }
            return .text(text)
        }
    }

    private func range(_ arguments: CallArguments) throws(ChatTemplateError) -> TemplateValue {
        guard arguments.named.isEmpty, (1...3).contains(arguments.positional.count) else {
            throw failure("'range' takes one to three arguments")
        }
        var bounds: [Int] = []
        for value in arguments.positional {
            bounds.append(try integer(value, "an argument of 'range'"))
        }
        let (start, end) = bounds.count == 1 ? (0, bounds[0]) : (bounds[0], bounds[1])
        let step = bounds.count == 3 ? bounds[2] : 1
        guard step != 0 else { throw failure("the step of 'range' is 0") }
        var values: [TemplateValue] = []
        var value = start
        while step > 0 ? value < end : value > end {
            values.append(.integer(value))
            guard values.count <= Self.longestRange else {
                throw failure("a range has more than \(Self.longestRange) numbers")
            }
            let (next, overflow) = value.addingReportingOverflow(step)
            if overflow { break }
            value = next
        }
        try spend(values.count)
        return .view(TemplateView(kind: .range, values: values))
    }

    /// What `dict` and `namespace` take: a mapping, and named values.
    private func mapping(_ arguments: CallArguments) throws(ChatTemplateError) -> TemplateMapping {
        var mapping = TemplateMapping()
        guard arguments.positional.count <= 1 else {
            throw failure("a mapping is made from one value at most")
        }
        switch arguments.positional.first {
        case nil: break
        case .mapping(let members)?: mapping = members
        case .undefined(let reason)?: throw failure("\(reason), so it gives no members")
        case let other?:
            for pair in try elements(of: other) {
                let parts = try elements(of: pair)
                guard parts.count == 2, mapping.set(parts[0], parts[1]) else {
                    throw failure("a mapping is made from pairs of key and value")
                }
            }
        }
        try spend(mapping.keys.count)
        for (name, value) in arguments.named { mapping.set(.text(name), value) }
        return mapping
    }
}

extension String {
    /// On one line, for messages.
    fileprivate var inOneLine: String { String(quoted.dropFirst().dropLast()) }
}
