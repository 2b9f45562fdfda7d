import Words

/// What may follow a value: attributes, subscripts, calls, filters and tests.
extension TemplateParser {
    mutating func postfix(
        of base: TemplateExpression
    ) throws(ChatTemplateError) -> TemplateExpression {
        var value = base
        while true {
            let line = current.line
            if take(symbol: ".") {
                value = try attribute(of: value, line: line)
            } else if take(symbol: "[") {
                value = try subscripted(value, line: line)
            } else if current.kind == .symbol("(") {
                value = try call(of: value)
            } else {
                return value
            }
        }
    }

    private mutating func attribute(
        of base: TemplateExpression, line: Int
    ) throws(ChatTemplateError) -> TemplateExpression {
        if case .integer(let index) = current.kind {
            advance()
            return try make(
                .item(base, make(.integer(index), line: line)), line: line, over: [base])
        }
        let name = try name()
        guard !name.hasPrefix("__") else {
            throw unsupported("the attribute '\(name)'", line: line)
        }
        return try make(.attribute(base, name), line: line, over: [base])
    }

    private mutating func subscripted(
        _ base: TemplateExpression, line: Int
    ) throws(ChatTemplateError) -> TemplateExpression {
        var bounds: [TemplateExpression?] = []
        var isSlice = false
        repeat {
            switch current.kind {
            case .symbol(":"), .symbol("]"): bounds.append(nil)
            default: bounds.append(try expression())
            }
            isSlice = isSlice || current.kind == .symbol(":")
        } while bounds.count < 3 && take(symbol: ":")
        if current.kind == .symbol(",") { throw unsupported("a subscript of several values") }
        try expect(.symbol("]"))
        let parts = bounds.compactMap { $0 }
        if isSlice { return try make(.slice(base, bounds), line: line, over: [base] + parts) }
        guard let key = parts.first else { throw failure("a subscript is empty", line: line) }
        return try make(.item(base, key), line: line, over: [base, key])
    }

    private mutating func call(
        of callee: TemplateExpression
    ) throws(ChatTemplateError) -> TemplateExpression {
        let line = current.line
        if case .attribute(_, let method) = callee.kind, !PythonMethods.all.contains(method) {
            // A member that holds a macro is thinkable, but no template has been seen that does so.
            if method != "cycle" && method != "changed" {
                throw unsupported("the method '\(method)'", line: line)
            }
        }
        let arguments = try arguments()
        return try make(
            .call(callee, arguments), line: line, over: [callee] + arguments.expressions)
    }

    private mutating func arguments() throws(ChatTemplateError) -> TemplateArguments {
        try expect(.symbol("("))
        var arguments = TemplateArguments()
        var isFirst = true
        while !take(symbol: ")") {
            if !isFirst {
                try expect(.symbol(","))
                if take(symbol: ")") { break }
            }
            isFirst = false
            if current.kind == .symbol("*") || current.kind == .symbol("**") {
                throw unsupported("an argument list after \(current.shown)")
            }
            if case .name(let name) = current.kind, next.kind == .symbol("=") {
                advance()
                advance()
                guard !arguments.named.contains(where: { $0.name == name }) else {
                    throw failure("the argument '\(name)' is given twice")
                }
                arguments.named.append((name, try expression()))
            } else {
                guard arguments.named.isEmpty else {
                    throw failure("an argument without name stands after one with a name")
                }
                arguments.positional.append(try expression())
            }
        }
        return arguments
    }

    mutating func filtersAndTests(
        of base: TemplateExpression
    ) throws(ChatTemplateError) -> TemplateExpression {
        var value = base
        while true {
            if take(symbol: "|") {
                value = try filter(of: value)
            } else if current.kind == .name("is") {
                value = try test(of: value)
            } else if current.kind == .symbol("(") {
                value = try call(of: value)
            } else {
                return value
            }
        }
    }

    /// Filters with `|` between them, the first without one before it.
    mutating func filters(
        of input: TemplateExpression?
    ) throws(ChatTemplateError) -> TemplateExpression {
        var value = try filter(of: input)
        while take(symbol: "|") { value = try filter(of: value) }
        return value
    }

    private mutating func filter(
        of input: TemplateExpression?
    ) throws(ChatTemplateError) -> TemplateExpression {
        let line = current.line
        let name = try name()
        if !TemplateFilters.supported.contains(name) {
            // What Jinja2 does not know either fails there only if it is reached.
            guard isConditional, !TemplateFilters.known.contains(name) else {
                throw unsupported("the filter \(name.quoted)", line: line)
            }
        }
        var arguments = TemplateArguments()
        if current.kind == .symbol("(") { arguments = try self.arguments() }
        return try make(
            .filter(input, name, arguments), line: line,
            over: (input.map { [$0] } ?? []) + arguments.expressions)
    }

    private mutating func test(
        of value: TemplateExpression
    ) throws(ChatTemplateError) -> TemplateExpression {
        advance()
        let isNegated = take(word: "not")
        let line = current.line
        let name = try name()
        guard TemplateTests.supported.contains(name) else {
            throw unsupported("the test \(name.quoted)", line: line)
        }
        var arguments = TemplateArguments()
        switch current.kind {
        case .symbol("("): arguments = try self.arguments()
        case .name("else"), .name("or"), .name("and"): break
        case .name("is"): throw failure("tests cannot stand one after another")
        case .name, .text, .integer, .number, .symbol("["), .symbol("{"):
            arguments.positional = [try postfix(of: primary())]
        default: break
        }
        return try make(
            .test(value, name, arguments, isNegated: isNegated), line: line,
            over: [value] + arguments.expressions)
    }
}
