/// Turns an expression of Oniguruma's Ruby syntax, in which `tokenizer.json` is written, into one
/// that means the same to PCRE2 with UTF, UCP and MULTILINE; what cannot be turned is refused.
///
/// The two agree on most of the syntax. Where they do not, `\s`, `\w`, `\b` and properties are
/// spelled out, and characters that are younger than PCRE2's tables are added
/// (``YoungCharacters``).
/// Source: Oniguruma `doc/RE` and `doc/SYNTAX.md`; `pcre2pattern(3)`.
struct ExpressionTranslation {
    /// What has no counterpart, e.g. `class set operation &&`.
    struct Refusal: Error {
        let construct: String
    }

    private let source: [Unicode.Scalar]
    private var index = 0
    private var output = ""

    static func translate(_ expression: String) throws(Refusal) -> String {
        var translation = ExpressionTranslation(source: Array(expression.unicodeScalars))
        while let scalar = translation.peek() { try translation.translate(scalar) }
        return translation.output
    }

    private init(source: [Unicode.Scalar]) { self.source = source }

    private func peek(_ offset: Int = 0) -> Unicode.Scalar? {
        index + offset < source.count ? source[index + offset] : nil
    }

    private func stands(_ text: String) -> Bool {
        source[index...].starts(with: text.unicodeScalars)
    }

    private mutating func copy(_ count: Int = 1) {
        for _ in 0..<count {
            output.unicodeScalars.append(source[index])
            index += 1
        }
    }

    private mutating func translate(_ scalar: Unicode.Scalar) throws(Refusal) {
        switch scalar {
        case "\\": output += try escape(inClass: false)
        case "[": output += try characterClass()
        case "(": try group()
        case "{": try repetition()
        default: copy()
        }
    }

    // MARK: Groups and repetitions

    private mutating func group() throws(Refusal) {
        guard peek(1) == "?" else { return copy() }
        for refused in ["(?~", "(?(", "(?{", "(?x"] where stands(refused) {
            throw Refusal(construct: refused)
        }
        if let option = peek(2), "imx-".unicodeScalars.contains(option) {
            copy(2)
            while let letter = peek(), letter != ":", letter != ")" {
                // Where Ruby says m, a full stop matches line feeds too.
                guard letter == "i" || letter == "-" || letter == "m" else {
                    throw Refusal(construct: "option '\(letter)'")
                }
                output += letter == "m" ? "s" : String(letter)
                index += 1
            }
        } else {
            copy(2)
        }
    }

    private mutating func repetition() throws(Refusal) {
        var end = index + 1
        while end < source.count, source[end].properties.numericType != nil || source[end] == "," {
            end += 1
        }
        let counts = String(String.UnicodeScalarView(source[(index + 1)..<end]))
        guard end < source.count, source[end] == "}", counts.contains(where: \.isNumber) else {
            // A brace that repeats nothing is a brace.
            output += "\\{"
            index += 1
            return
        }
        output += "{" + (counts.hasPrefix(",") ? "0" : "") + counts + "}"
        index = end + 1
        if peek() == "+" { throw Refusal(construct: "'+' after {\(counts)}") }
        if peek() == "?", !counts.contains(",") {
            throw Refusal(construct: "'?' after {\(counts)}")
        }
    }

    // MARK: Classes

    /// Reads `[…]`; classes inside it are taken up into it.
    private mutating func characterClass() throws(Refusal) -> String {
        index += 1
        let isNegated = peek() == "^"
        if isNegated { index += 1 }
        let members = try classMembers()
        return "[" + (isNegated ? "^" : "") + members + "]"
    }

    private mutating func classMembers() throws(Refusal) -> String {
        var members = ""
        guard peek() != "]" else { throw Refusal(construct: "empty character class") }
        while let scalar = peek() {
            switch scalar {
            case "]":
                index += 1
                return members
            case "[":
                guard peek(1) != ":", peek(1) != "^" else {
                    throw Refusal(construct: "[\(peek(1) ?? "^") in a character class")
                }
                index += 1
                members += try classMembers()
            case "&" where peek(1) == "&":
                throw Refusal(construct: "class set operation &&")
            case "\\":
                members += try escape(inClass: true)
            default:
                members.unicodeScalars.append(scalar)
                index += 1
            }
        }
        throw Refusal(construct: "a character class without end")
    }

    // MARK: Escapes

    /// White_Space of Unicode; PCRE2's own `\s` has U+180E too.
    private static let spaces =
        #"\t-\r\x20\x85\xa0\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}"#

    /// Letters, marks, decimal digits, connectors; letter-like numbers and the circled letters.
    private static let wordMembers =
        #"\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\x{24b6}-\x{24e9}\x{1f130}-\x{1f149}\x{1f150}-\x{1f169}"#
        + #"\x{1f170}-\x{1f189}"#
        + YoungCharacters.members(ofAny: ["L", "M", "Nd", "Nl", "Pc"])

    private mutating func escape(inClass: Bool) throws(Refusal) -> String {
        guard let letter = peek(1) else { throw Refusal(construct: "'\\' at the end") }
        index += 2
        func set(_ members: String, negated: Bool = false) throws(Refusal) -> String {
            guard inClass else { return "[" + (negated ? "^" : "") + members + "]" }
            guard !negated else { throw Refusal(construct: "\\\(letter) in a character class") }
            return members
        }
        switch letter {
        case "s": return try set(Self.spaces)
        // Inside a class: what PCRE2 has, and the one character that it counts as space.
        case "S": return inClass ? #"\S\x{180e}"# : try set(Self.spaces, negated: true)
        case "d": return try set(#"\p{Nd}"# + YoungCharacters.members(ofAny: ["Nd"]))
        case "D": return try set(#"\p{Nd}"# + YoungCharacters.members(ofAny: ["Nd"]), negated: true)
        case "w": return try set(Self.wordMembers)
        case "W": return try set(Self.wordMembers, negated: true)
        case "b" where !inClass:
            let word = "[\(Self.wordMembers)]"
            return "(?:(?<=\(word))(?!\(word))|(?<!\(word))(?=\(word)))"
        case "p", "P": return try property(isNegated: letter == "P", inClass: inClass)
        case "u":
            let digits = try hexadecimal(count: 4)
            return "\\x{\(digits)}"
        case "x":
            guard peek() != "{" else { return "\\x" }
            let digits = try hexadecimal(count: 2)
            guard let value = UInt32(digits, radix: 16), value < 0x80 else {
                throw Refusal(construct: "\\x\(digits), a byte and no character")
            }
            return "\\x{\(digits)}"
        case "v": return "\\x0b"
        case "n", "r", "t", "f", "a", "e": return "\\\(letter)"
        case "A", "z", "Z": if !inClass { return "\\\(letter)" }
        default:
            let isPlain = letter.isASCII && !letter.properties.isAlphabetic
            let isDigit = letter.properties.numericType != nil
            if isPlain && !isDigit { return "\\\(letter)" }
            if isDigit && letter != "0" && !inClass { return "\\\(letter)" }
            if !letter.isASCII { return String(letter) }
        }
        throw Refusal(construct: "\\\(letter)" + (inClass ? " in a character class" : ""))
    }

    private mutating func hexadecimal(count: Int) throws(Refusal) -> String {
        var digits = ""
        while digits.count < count, let scalar = peek(), scalar.properties.isASCIIHexDigit {
            digits.unicodeScalars.append(scalar)
            index += 1
        }
        guard digits.count == count else { throw Refusal(construct: "\\u or \\x with few digits") }
        return digits
    }

    private static let scripts: Set = [
        "Han", "Hiragana", "Katakana", "Hangul", "Bopomofo", "Thai", "Lao", "Khmer", "Myanmar",
    ]

    private mutating func property(
        isNegated: Bool, inClass: Bool
    ) throws(Refusal) -> String {
        guard peek() == "{" else { throw Refusal(construct: "\\p without {…}") }
        index += 1
        var isNegated = isNegated
        if peek() == "^" {
            isNegated.toggle()
            index += 1
        }
        var name = ""
        while let scalar = peek(), scalar != "}", name.utf8.count < 32 {
            name.unicodeScalars.append(scalar)
            index += 1
        }
        index += 1
        let members: String
        if YoungCharacters.categories.contains(name) {
            members = "\\p{\(name)}" + YoungCharacters.members(ofAny: [name])
        } else if Self.scripts.contains(name) {
            members = "\\p{sc:\(name)}" + YoungCharacters.members(ofScript: name)
        } else {
            throw Refusal(construct: "\\p{\(name)}")
        }
        if inClass {
            guard !isNegated else { throw Refusal(construct: "\\P{\(name)} in a character class") }
            return members
        }
        return "[" + (isNegated ? "^" : "") + members + "]"
    }
}
