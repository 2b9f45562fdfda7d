import Words

/// Reads statements; expressions are in an extension.
///
/// Grammar and precedences are Jinja2's. What is not supported is refused here, before anything is
/// rendered.
struct TemplateParser {
    let template: String
    private let tokens: [TemplateToken]
    private var position = 0
    /// Levels of statements and expressions that are being read.
    var nesting = 0
    /// Loops around the current statement, in the current macro or block.
    private var loops = 0
    /// Whether the current statement's text goes elsewhere than to the output.
    private var isCaptured = false
    /// Names that are read anywhere.
    private(set) var namesRead: Set<String> = []
    private(set) var marksGeneration = false
    /// Whether what is being read may never be reached; Jinja2 then accepts unknown filters.
    var isConditional = false

    /// Recursion of parser and evaluation stops here, far from the end of any thread's stack.
    static let deepestNesting = 100

    init(tokens: [TemplateToken], template: String) {
        self.template = template
        self.tokens = tokens
    }

    mutating func wholeTemplate() throws(ChatTemplateError) -> [TemplateStatement] {
        let body = try statements(until: [])
        guard current.kind == .end else {
            throw failure("'\(wordOfTag ?? "")' closes nothing here")
        }
        return body
    }

    // MARK: Tokens

    var current: TemplateToken { tokens[position] }
    var next: TemplateToken { tokens[min(position + 1, tokens.count - 1)] }

    mutating func advance() {
        if position < tokens.count - 1 { position += 1 }
    }

    func failure(
        _ problem: String, line: Int? = nil, hint: String? = nil
    ) -> ChatTemplateError {
        ChatTemplateError(
            problem, template: template, line: line ?? current.line, hint: hint)
    }

    func unsupported(_ construct: String, line: Int? = nil) -> ChatTemplateError {
        failure(
            "\(construct) is not supported", line: line,
            hint: "Rewrite that part of the template, or train on text that is rendered already")
    }

    mutating func take(_ kind: TemplateToken.Kind) -> Bool {
        guard current.kind == kind else { return false }
        advance()
        return true
    }

    mutating func take(symbol: String) -> Bool { take(.symbol(symbol)) }
    mutating func take(word: String) -> Bool { take(.name(word)) }

    mutating func expect(_ kind: TemplateToken.Kind) throws(ChatTemplateError) {
        let wanted = TemplateToken(kind: kind, line: 0).shown
        guard take(kind) else { throw failure("\(current.shown) stands where \(wanted) must") }
    }

    mutating func name() throws(ChatTemplateError) -> String {
        guard case .name(let name) = current.kind else {
            throw failure("\(current.shown) stands where a name must")
        }
        advance()
        return name
    }

    mutating func noteRead(_ name: String) { namesRead.insert(name) }

    /// Runs `body` one level deeper.
    mutating func nested<Result>(
        _ body: (inout TemplateParser) throws(ChatTemplateError) -> Result
    ) throws(ChatTemplateError) -> Result {
        nesting += 1
        defer { nesting -= 1 }
        guard nesting <= Self.deepestNesting else {
            throw failure("tags and brackets are nested more than \(Self.deepestNesting) deep")
        }
        return try body(&self)
    }

    // MARK: Statements

    /// The word after `{%`, where one begins.
    private var wordOfTag: String? {
        guard current.kind == .blockBegin, case .name(let word) = next.kind else { return nil }
        return word
    }

    /// Statements up to a tag of `ends`, whose `{%` and word are taken.
    private mutating func statements(
        until ends: [String]
    ) throws(ChatTemplateError) -> [TemplateStatement] {
        var body: [TemplateStatement] = []
        while true {
            let line = current.line
            switch current.kind {
            case .data(let text):
                advance()
                body.append(TemplateStatement(kind: .data(text), line: line))
            case .expressionBegin:
                advance()
                let value = try tupleOrExpression()
                try expect(.expressionEnd)
                body.append(TemplateStatement(kind: .output(value), line: line))
            case .blockBegin:
                guard let word = wordOfTag else {
                    throw failure("\(next.shown) stands where a statement's name must")
                }
                if ends.contains(word) || word.hasPrefix("end") || word == "else" || word == "elif"
                {
                    return body
                }
                advance()
                let line = current.line
                let kind = try nested { (parser) throws(ChatTemplateError) in
                    try parser.statement(word)
                }
                try expect(.blockEnd)
                body.append(TemplateStatement(kind: kind, line: line))
            default: return body
            }
        }
    }

    /// The body of a tag that began in `line`, with its end tag but for the end tag's `%}`.
    private mutating func body(
        of tag: String, line: Int, until ends: [String]
    ) throws(ChatTemplateError) -> (statements: [TemplateStatement], end: String) {
        _ = take(symbol: ":")
        try expect(.blockEnd)
        let statements = try statements(until: ends)
        guard let end = wordOfTag, ends.contains(end) else {
            throw failure(
                current.kind == .end
                    ? "the '\(tag)' that begins here has no '\(ends[ends.count - 1])'"
                    : "'\(wordOfTag ?? "")' stands inside the '\(tag)' of line \(line)",
                line: current.kind == .end ? line : nil)
        }
        advance()
        advance()
        return (statements, end)
    }

    /// As ``body(of:line:until:)``, with loops and conditions of its own.
    private mutating func separateBody(
        of tag: String, line: Int, captured: Bool
    ) throws(ChatTemplateError) -> [TemplateStatement] {
        let outer = (loops, isCaptured, isConditional)
        (loops, isCaptured, isConditional) = (0, isCaptured || captured, false)
        defer { (loops, isCaptured, isConditional) = outer }
        return try body(of: tag, line: line, until: ["end" + tag]).statements
    }

    private mutating func statement(
        _ word: String
    ) throws(ChatTemplateError) -> TemplateStatement.Kind {
        let line = current.line
        advance()
        switch word {
        case "if": return try choice(line: line)
        case "for": return try loop(line: line)
        case "set": return try assignment(line: line)
        case "macro": return .macro(try macro(line: line))
        case "with": return try with(line: line)
        case "filter":
            let filter = try filters(of: nil)
            return .filterBlock(
                filter, try separateBody(of: "filter", line: line, captured: true))
        case "generation":
            guard !isCaptured else { throw unsupported("'generation' inside a macro or block") }
            marksGeneration = true
            return .generation(try separateBody(of: "generation", line: line, captured: true))
        case "break", "continue":
            guard loops > 0 else { throw failure("'\(word)' stands outside of a loop", line: line) }
            return word == "break" ? .leaveLoop : .nextRound
        default:
            throw unsupported("the statement \(word.quoted)", line: line)
        }
    }

    private mutating func choice(line: Int) throws(ChatTemplateError) -> TemplateStatement.Kind {
        let wasConditional = isConditional
        isConditional = true
        defer { isConditional = wasConditional }
        var branches: [(condition: TemplateExpression, body: [TemplateStatement])] = []
        while true {
            let condition = try tupleOrExpression(withChoice: false)
            let (body, end) = try body(of: "if", line: line, until: ["elif", "else", "endif"])
            branches.append((condition, body))
            if end == "elif" { continue }
            guard end == "else" else { return .choice(branches, otherwise: []) }
            let otherwise = try self.body(of: "if", line: line, until: ["endif"]).statements
            return .choice(branches, otherwise: otherwise)
        }
    }

    private mutating func loop(line: Int) throws(ChatTemplateError) -> TemplateStatement.Kind {
        let wasConditional = isConditional
        isConditional = false
        defer { isConditional = wasConditional }
        let target = try target(endingAt: "in", withNamespace: false)
        try expect(.name("in"))
        let sequence = try tupleOrExpression(withChoice: false)
        let condition = take(word: "if") ? try expression() : nil
        if current.kind == .name("recursive") { throw unsupported("a recursive loop") }
        loops += 1
        let (body, end) = try body(of: "for", line: line, until: ["else", "endfor"])
        loops -= 1
        let otherwise =
            end == "else" ? try self.body(of: "for", line: line, until: ["endfor"]).statements : []
        return .loop(
            TemplateLoop(
                target: target, sequence: sequence, condition: condition, body: body,
                otherwise: otherwise))
    }

    private mutating func assignment(
        line: Int
    ) throws(ChatTemplateError) -> TemplateStatement.Kind {
        let target = try target(endingAt: "=", withNamespace: true)
        if take(symbol: "=") { return .set(target, try tupleOrExpression()) }
        let filter: TemplateExpression? = take(symbol: "|") ? try filters(of: nil) : nil
        return .setBlock(
            target, filter: filter, try separateBody(of: "set", line: line, captured: true))
    }

    /// What an assignment assigns to: a name, an attribute, or several of these.
    private mutating func target(
        endingAt end: String, withNamespace: Bool
    ) throws(ChatTemplateError) -> TemplateTarget {
        try nested { (parser) throws(ChatTemplateError) in
            var targets: [TemplateTarget] = []
            var isTuple = false
            repeat {
                if parser.current.kind == .symbol(end) { break }
                if parser.take(symbol: "(") {
                    targets.append(
                        try parser.target(endingAt: ")", withNamespace: withNamespace))
                    try parser.expect(.symbol(")"))
                } else {
                    targets.append(try parser.simpleTarget(withNamespace: withNamespace))
                }
                isTuple = isTuple || parser.current.kind == .symbol(",")
            } while parser.take(symbol: ",")
            guard let first = targets.first else {
                throw parser.failure("\(parser.current.shown) stands where a name must")
            }
            return isTuple ? .tuple(targets) : first
        }
    }

    private mutating func simpleTarget(
        withNamespace: Bool
    ) throws(ChatTemplateError) -> TemplateTarget {
        let name = try name()
        guard !Self.constants.contains(name) else {
            throw failure("'\(name)' cannot be assigned to")
        }
        guard withNamespace, take(symbol: ".") else { return .name(name) }
        return .attribute(namespace: name, try self.name())
    }

    static let constants: Set = ["true", "false", "none", "True", "False", "None"]

    private mutating func macro(line: Int) throws(ChatTemplateError) -> TemplateMacro {
        let name = try name()
        try expect(.symbol("("))
        var parameters: [TemplateParameter] = []
        while !take(symbol: ")") {
            if !parameters.isEmpty { try expect(.symbol(",")) }
            let parameter = try self.name()
            let standard = take(symbol: "=") ? try expression() : nil
            guard standard != nil || parameters.last?.standard == nil else {
                throw failure("the parameter '\(parameter)' needs a default as the one before it")
            }
            parameters.append(TemplateParameter(name: parameter, standard: standard))
        }
        let outer = namesRead
        namesRead = []
        let body = try separateBody(of: "macro", line: line, captured: true)
        let own = namesRead
        namesRead.formUnion(outer)
        if own.contains("caller") { throw unsupported("a macro that uses 'caller'", line: line) }
        return TemplateMacro(
            name: name, parameters: parameters, body: body,
            takesMorePositional: own.contains("varargs"), takesMoreNamed: own.contains("kwargs"))
    }

    private mutating func with(line: Int) throws(ChatTemplateError) -> TemplateStatement.Kind {
        var values: [(TemplateTarget, TemplateExpression)] = []
        while current.kind != .blockEnd {
            if !values.isEmpty { try expect(.symbol(",")) }
            let target = try target(endingAt: "=", withNamespace: false)
            try expect(.symbol("="))
            values.append((target, try expression()))
        }
        return .with(values, try body(of: "with", line: line, until: ["endwith"]).statements)
    }
}
