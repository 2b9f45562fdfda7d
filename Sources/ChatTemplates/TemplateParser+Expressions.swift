/// Expressions, in the order of Jinja2's precedences: choice, or, and, not, comparison, sum, join
/// (`~`), product, power, sign, postfix, filters and tests.
extension TemplateParser {
    func make(
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

    mutating func primary() throws(ChatTemplateError) -> TemplateExpression {
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
        return try make(
            .mapping(members), line: line, over: members.flatMap { [$0.key, $0.value] })
    }
}
