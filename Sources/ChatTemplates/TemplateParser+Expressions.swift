/// Expressions, in the order of Jinja2's precedences: choice, or, and, not, comparison, sum, join
/// (`~`), product, power, sign, postfix, filters and tests.
extension TemplateParser {
    private func make(
        _ kind: TemplateExpression.Kind, line: Int, over parts: [TemplateExpression] = []
    ) throws(ChatTemplateError) -> TemplateExpression {
        var deepest = 0
        for part in parts { deepest = max(deepest, part.depth) }
        guard deepest < Self.deepestNesting else {
            throw failure(
                "an expression has more than \(Self.deepestNesting) operations one upon another",
                line: line)
        }
        return TemplateExpression(kind: kind, line: line, depth: deepest + 1)
    }

    /// An expression, or several with commas between them.
    mutating func tupleOrExpression(
        withChoice: Bool = true
    ) throws(ChatTemplateError) -> TemplateExpression {
        let line = current.line
        let first = try expression(withChoice: withChoice)
        guard current.kind == .symbol(",") else { return first }
        var parts = [first]
        while take(symbol: ",") {
            switch current.kind {
            case .expressionEnd, .blockEnd, .symbol(")"):
                return try make(.tuple(parts), line: line, over: parts)
            default: parts.append(try expression(withChoice: withChoice))
            }
        }
        return try make(.tuple(parts), line: line, over: parts)
    }

    mutating func expression(
        withChoice: Bool = true
    ) throws(ChatTemplateError) -> TemplateExpression {
        try nested { (parser: inout TemplateParser) throws(ChatTemplateError) in
            withChoice ? try parser.choiceExpression() : try parser.orExpression()
        }
    }

    private mutating func choiceExpression() throws(ChatTemplateError) -> TemplateExpression {
        let line = current.line
        var value = try orExpression()
        while take(word: "if") {
            let condition = try orExpression()
            let other = take(word: "else") ? try expression() : nil
            value = try make(
                .choice(value, if: condition, else: other), line: line,
                over: [value, condition] + (other.map { [$0] } ?? []))
        }
        return value
    }

    private mutating func orExpression() throws(ChatTemplateError) -> TemplateExpression {
        let line = current.line
        var left = try andExpression()
        while take(word: "or") {
            let right = try andExpression()
            left = try make(.or(left, right), line: line, over: [left, right])
        }
        return left
    }

    private mutating func andExpression() throws(ChatTemplateError) -> TemplateExpression {
        let line = current.line
        var left = try notExpression()
        while take(word: "and") {
            let right = try notExpression()
            left = try make(.and(left, right), line: line, over: [left, right])
        }
        return left
    }

    private mutating func notExpression() throws(ChatTemplateError) -> TemplateExpression {
        let line = current.line
        guard take(word: "not") else { return try comparison() }
        let value = try nested { (parser: inout TemplateParser) throws(ChatTemplateError) in
            try parser.notExpression()
        }
        return try make(.not(value), line: line, over: [value])
    }

    private mutating func comparison() throws(ChatTemplateError) -> TemplateExpression {
        let line = current.line
        let left = try sum()
        var operations: [(TemplateExpression.Comparison, TemplateExpression)] = []
        while let comparison = takeComparison() { operations.append((comparison, try sum())) }
        guard !operations.isEmpty else { return left }
        return try make(
            .comparison(left, operations), line: line, over: [left] + operations.map { $0.1 })
    }

    private mutating func takeComparison() -> TemplateExpression.Comparison? {
        switch current.kind {
        case .symbol(let symbol):
            guard let comparison = TemplateExpression.Comparison(rawValue: symbol) else {
                return nil
            }
            advance()
            return comparison
        case .name("in"):
            advance()
            return .isIn
        case .name("not") where next.kind == .name("in"):
            advance()
            advance()
            return .isNotIn
        default: return nil
        }
    }

    private mutating func takeArithmetic(
        _ operations: [TemplateExpression.Arithmetic]
    ) -> TemplateExpression.Arithmetic? {
        guard case .symbol(let symbol) = current.kind,
            let operation = TemplateExpression.Arithmetic(rawValue: symbol),
            operations.contains(operation)
        else { return nil }
        advance()
        return operation
    }

    private mutating func sum() throws(ChatTemplateError) -> TemplateExpression {
        let line = current.line
        var left = try joined()
        while let operation = takeArithmetic([.add, .subtract]) {
            let right = try joined()
            left = try make(.arithmetic(operation, left, right), line: line, over: [left, right])
        }
        return left
    }

    private mutating func joined() throws(ChatTemplateError) -> TemplateExpression {
        let line = current.line
        var parts = [try product()]
        while take(symbol: "~") { parts.append(try product()) }
        return parts.count == 1 ? parts[0] : try make(.joined(parts), line: line, over: parts)
    }

    private mutating func product() throws(ChatTemplateError) -> TemplateExpression {
        let line = current.line
        var left = try power()
        while let operation = takeArithmetic([.multiply, .divide, .floorDivide, .remainder]) {
            let right = try power()
            left = try make(.arithmetic(operation, left, right), line: line, over: [left, right])
        }
        return left
    }

    private mutating func power() throws(ChatTemplateError) -> TemplateExpression {
        let line = current.line
        var left = try signed()
        while let operation = takeArithmetic([.power]) {
            let right = try signed()
            left = try make(.arithmetic(operation, left, right), line: line, over: [left, right])
        }
        return left
    }

    private mutating func signed(
        withFilters: Bool = true
    ) throws(ChatTemplateError) -> TemplateExpression {
        let line = current.line
        var value: TemplateExpression
        if current.kind == .symbol("-") || current.kind == .symbol("+") {
            let isNegative = current.kind == .symbol("-")
            advance()
            value = try nested { (parser: inout TemplateParser) throws(ChatTemplateError) in
                try parser.signed(withFilters: false)
            }
            value = try make(
                isNegative ? .negated(value) : .positive(value), line: line, over: [value])
        } else {
            value = try primary()
        }
        value = try postfix(of: value)
        return withFilters ? try filtersAndTests(of: value) : value
    }

    // MARK: Literals

    private mutating func primary() throws(ChatTemplateError) -> TemplateExpression {
        let line = current.line
        switch current.kind {
        case .name(let name):
            advance()
            return try make(named(name), line: line)
        case .text(var text):
            advance()
            while case .text(let more) = current.kind {
                text += more
                advance()
            }
            return try make(.text(text), line: line)
        case .integer(let value):
            advance()
            return try make(.integer(value), line: line)
        case .number(let value):
            advance()
            return try make(.number(value), line: line)
        case .symbol("("):
            advance()
            if take(symbol: ")") { return try make(.tuple([]), line: line) }
            let value = try tupleOrExpression()
            try expect(.symbol(")"))
            return value
        case .symbol("["):
            advance()
            let parts = try expressions(until: "]")
            return try make(.list(parts), line: line, over: parts)
        case .symbol("{"):
            advance()
            return try mapping(line: line)
        default: throw failure("\(current.shown) stands where a value must")
        }
    }

    private mutating func named(_ name: String) -> TemplateExpression.Kind {
        switch name {
        case "true", "True": return .boolean(true)
        case "false", "False": return .boolean(false)
        case "none", "None": return .none
        default:
            noteRead(name)
            return .name(name)
        }
    }

    private mutating func expressions(
        until end: String
    ) throws(ChatTemplateError) -> [TemplateExpression] {
        var parts: [TemplateExpression] = []
        while !take(symbol: end) {
            if !parts.isEmpty {
                try expect(.symbol(","))
                if take(symbol: end) { break }
            }
            parts.append(try expression())
        }
        return parts
    }

    private mutating func mapping(line: Int) throws(ChatTemplateError) -> TemplateExpression {
        var members: [(key: TemplateExpression, value: TemplateExpression)] = []
        while !take(symbol: "}") {
            if !members.isEmpty {
                try expect(.symbol(","))
                if take(symbol: "}") { break }
            }
            let key = try expression()
            try expect(.symbol(":"))
            members.append((key, try expression()))
        }
        return try make(.mapping(members), line: line, over: members.flatMap { [$0.key, $0.value] })
    }

    // MARK: What follows a value

    private mutating func postfix(
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
            return try make(.item(base, make(.integer(index), line: line)), line: line, over: [base])
        }
        let name = try name()
        guard !name.hasPrefix("__") else { throw unsupported("the attribute '\(name)'", line: line) }
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

    private mutating func filtersAndTests(
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
                throw unsupported("the filter \(name.quotedInOneLine)", line: line)
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
            throw unsupported("the test \(name.quotedInOneLine)", line: line)
        }
        var arguments = TemplateArguments()
        switch current.kind {
        case .symbol("("): arguments = try self.arguments()
        case .name("else"), .name("or"), .name("and"), .name("if"), .name("in"), .name("not"):
            break
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
