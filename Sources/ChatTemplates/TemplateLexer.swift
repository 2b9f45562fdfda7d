import Words

/// Cuts a template into tokens, with the white space rules that transformers sets: `trim_blocks`,
/// `lstrip_blocks`, and one line feed at the end of the source does not count.
///
/// Source: Jinja2 3.1, `jinja2/lexer.py` (behaviour), and transformers' environment.
struct TemplateLexer {
    let template: String
    private let source: [Unicode.Scalar]
    private var offset = 0
    private var line = 1
    /// Closing brackets that are awaited, innermost last.
    private var awaited: [Unicode.Scalar] = []
    private var tokens: [TemplateToken] = []

    init(source: String, template: String) {
        self.template = template
        // Jinja takes every kind of line end for a line feed.
        var scalars: [Unicode.Scalar] = []
        var previous: Unicode.Scalar = " "
        for scalar in source.unicodeScalars {
            if scalar != "\n" || previous != "\r" {
                scalars.append(scalar == "\r" ? "\n" : scalar)
            }
            previous = scalar
        }
        if scalars.last == "\n" { scalars.removeLast() }
        self.source = scalars
    }

    /// All tokens, the last of which is ``TemplateToken/Kind/end``.
    mutating func allTokens() throws(ChatTemplateError) -> [TemplateToken] {
        while offset < source.count { try textAndTag() }
        add(.end)
        return tokens
    }

    private mutating func add(_ kind: TemplateToken.Kind) {
        tokens.append(TemplateToken(kind: kind, line: line))
    }

    private func failure(_ problem: String, line: Int? = nil) -> ChatTemplateError {
        ChatTemplateError(problem, template: template, line: line ?? self.line)
    }

    private func stands(_ text: String, at position: Int) -> Bool {
        position <= source.count && source[position...].starts(with: text.unicodeScalars)
    }

    private mutating func move(to position: Int) {
        for scalar in source[offset..<position] where scalar == "\n" { line += 1 }
        offset = position
    }

    private mutating func skipSpace() {
        var position = offset
        while position < source.count, source[position].isPythonSpace { position += 1 }
        move(to: position)
    }

    // MARK: Text outside of tags

    /// Text up to the next tag, and that tag.
    private mutating func textAndTag() throws(ChatTemplateError) {
        var tag = offset
        while tag < source.count, !isTag(at: tag) { tag += 1 }
        let isExpression = stands("{{", at: tag)
        let text = offset..<visibleEnd(of: offset..<tag, isExpression: isExpression)
        if !text.isEmpty { add(.data(string(text))) }
        move(to: tag)
        guard tag < source.count else { return }
        if stands("{#", at: tag) { return try comment() }
        if let body = rawBody(at: tag) { return try raw(from: body) }
        add(isExpression ? .expressionBegin : .blockBegin)
        move(to: tag + 2 + signLength(at: tag + 2))
        try insideTag(isExpression: isExpression)
    }

    private func isTag(at position: Int) -> Bool {
        guard source[position] == "{", position + 1 < source.count else { return false }
        return source[position + 1] == "{" || source[position + 1] == "%"
            || source[position + 1] == "#"
    }

    private func signLength(at position: Int) -> Int {
        stands("-", at: position) || stands("+", at: position) ? 1 : 0
    }

    private func string(_ range: Range<Int>) -> String {
        String(String.UnicodeScalarView(source[range]))
    }

    /// Where `text`, which a tag follows, ends once the tag's sign has had its effect.
    private func visibleEnd(of text: Range<Int>, isExpression: Bool) -> Int {
        guard text.upperBound < source.count else { return text.upperBound }
        var end = text.upperBound
        let sign = text.upperBound + 2
        if stands("-", at: sign) {
            while end > text.lowerBound, source[end - 1].isPythonSpace { end -= 1 }
            return end
        }
        guard !isExpression, !stands("+", at: sign) else { return end }
        while end > text.lowerBound, source[end - 1] != "\n" {
            guard source[end - 1].isPythonSpace else { return text.upperBound }
            end -= 1
        }
        let startsLine = end > text.lowerBound || end == 0 || source[end - 1] == "\n"
        return startsLine ? end : text.upperBound
    }

    private mutating func comment() throws(ChatTemplateError) {
        guard let end = position(of: "#}", from: offset + 2) else {
            throw failure("the comment that begins here does not end")
        }
        // "{#-#}": the sign may stand on either side, but is one character.
        let sign = end > offset + 2 ? source[end - 1] : " "
        move(to: end + 2)
        endTag(sign: sign, trims: true)
    }

    /// What a tag's end does to the text after it.
    private mutating func endTag(sign: Unicode.Scalar, trims: Bool) {
        if sign == "-" {
            skipSpace()
        } else if trims, sign != "+", stands("\n", at: offset) {
            move(to: offset + 1)
        }
    }

    private func position(of text: String, from start: Int) -> Int? {
        var position = start
        while position < source.count {
            if stands(text, at: position) { return position }
            position += 1
        }
        return nil
    }

    // MARK: Raw blocks

    /// The offset behind the word of a tag `{% word`, or `nil` if it is another tag.
    private func end(of word: String, inBlockAt position: Int) -> Int? {
        guard stands("{%", at: position) else { return nil }
        var position = position + 2 + signLength(at: position + 2)
        while position < source.count, source[position].isPythonSpace { position += 1 }
        guard stands(word, at: position) else { return nil }
        position += word.unicodeScalars.count
        while position < source.count, source[position].isPythonSpace { position += 1 }
        return position
    }

    /// The offset behind a tag `{% raw %}`.
    private func rawBody(at position: Int) -> Int? {
        guard var end = end(of: "raw", inBlockAt: position) else { return nil }
        if stands("%}", at: end) { return end + 2 }
        guard stands("-%}", at: end) else { return nil }
        end += 3
        while end < source.count, source[end].isPythonSpace { end += 1 }
        return end
    }

    private mutating func raw(from body: Int) throws(ChatTemplateError) {
        let began = line
        move(to: body)
        var tag = body
        while tag < source.count {
            if let close = end(of: "endraw", inBlockAt: tag) {
                let sign: Unicode.Scalar =
                    stands("-%}", at: close) ? "-" : stands("+%}", at: close) ? "+" : " "
                let end = close + (sign == " " ? 0 : 1)
                if stands("%}", at: end) {
                    let text = body..<visibleEnd(of: body..<tag, isExpression: false)
                    if !text.isEmpty { add(.data(string(text))) }
                    move(to: end + 2)
                    return endTag(sign: sign, trims: true)
                }
            }
            tag += 1
        }
        throw failure("the raw block that begins here does not end", line: began)
    }

    // MARK: Inside a tag

    private mutating func insideTag(isExpression: Bool) throws(ChatTemplateError) {
        let began = line
        awaited = []
        while true {
            skipSpace()
            guard offset < source.count else {
                throw failure("the tag that begins here does not end", line: began)
            }
            if awaited.isEmpty {
                let close = isExpression ? "}}" : "%}"
                for sign: Unicode.Scalar in isExpression ? [" ", "-"] : [" ", "-", "+"] {
                    let text = sign == " " ? close : String(sign) + close
                    guard stands(text, at: offset) else { continue }
                    add(isExpression ? .expressionEnd : .blockEnd)
                    move(to: offset + text.unicodeScalars.count)
                    return endTag(sign: sign, trims: !isExpression)
                }
            }
            try token()
        }
    }

    private mutating func token() throws(ChatTemplateError) {
        let scalar = source[offset]
        if scalar.isASCIIDigit { return try numberToken() }
        if scalar.isNamePart {
            var end = offset
            while end < source.count, source[end].isNamePart { end += 1 }
            add(.name(string(offset..<end)))
            return move(to: end)
        }
        if scalar == "'" || scalar == "\"" { return try textToken(quote: scalar) }
        for symbol in Self.symbols where stands(symbol, at: offset) {
            try balance(scalar)
            add(.symbol(symbol))
            return move(to: offset + symbol.unicodeScalars.count)
        }
        throw failure("the character \(String(scalar).quoted) has no meaning in a tag")
    }

    /// Longer ones first.
    private static let symbols = [
        "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{",
        "}", ">", "<", "=", ".", ":", "|", ",", ";",
    ]

    private mutating func balance(_ bracket: Unicode.Scalar) throws(ChatTemplateError) {
        switch bracket {
        case "{": awaited.append("}")
        case "(": awaited.append(")")
        case "[": awaited.append("]")
        case "}", ")", "]":
            guard awaited.popLast() == bracket else {
                throw failure("'\(bracket)' closes nothing here")
            }
        default: break
        }
    }

    private mutating func textToken(quote: Unicode.Scalar) throws(ChatTemplateError) {
        var end = offset + 1
        while end < source.count, source[end] != quote { end += source[end] == "\\" ? 2 : 1 }
        guard end < source.count else { throw failure("the string that begins here does not end") }
        guard let text = TemplateEscapes.unescaped(source[(offset + 1)..<end]) else {
            throw failure("the string that begins here has an escape that is not supported")
        }
        add(.text(text))
        move(to: end + 1)
    }

    private mutating func numberToken() throws(ChatTemplateError) {
        let isIndex = offset > 0 && source[offset - 1] == "."
        var end = offset
        while end < source.count, source[end].isNamePart { end += 1 }
        let prefix = string(offset..<min(offset + 2, end)).lowercased()
        if let radix = ["0x": 16, "0o": 8, "0b": 2][prefix] {
            let digits = string((offset + 2)..<end).filter { $0 != "_" }
            guard let value = Int(digits, radix: radix) else { throw badNumber(end) }
            add(.integer(value))
            return move(to: end)
        }
        end = digitsEnd(from: offset)
        var isInteger = true
        if !isIndex, stands(".", at: end), digitsEnd(from: end + 1) > end + 1 {
            end = digitsEnd(from: end + 1)
            isInteger = false
        }
        if !isIndex, stands("e", at: end) || stands("E", at: end) {
            let sign = stands("+", at: end + 1) || stands("-", at: end + 1) ? 1 : 0
            let last = digitsEnd(from: end + 1 + sign)
            if last > end + 1 + sign { (end, isInteger) = (last, false) }
        }
        let digits = string(offset..<end).filter { $0 != "_" }
        if isInteger, digits.hasPrefix("0"), !digits.allSatisfy({ $0 == "0" }) {
            throw failure("the number \(digits.quoted) begins with 0")
        }
        if isInteger, let value = Int(digits) {
            add(.integer(value))
        } else if !isInteger, let value = Double(digits), value.isFinite {
            add(.number(value))
        } else {
            throw badNumber(end)
        }
        move(to: end)
    }

    private func digitsEnd(from start: Int) -> Int {
        var end = start
        while end < source.count, source[end].isASCIIDigit || (end > start && source[end] == "_") {
            end += 1
        }
        return end
    }

    private func badNumber(_ end: Int) -> ChatTemplateError {
        failure("the number \(string(offset..<end).quoted) does not fit 64 bits")
    }
}
