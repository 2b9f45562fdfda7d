import Words

/// A piece of a template's source.
struct TemplateToken: Sendable {
    enum Kind: Sendable, Equatable {
        /// Text outside of tags.
        case data(String)
        /// `{{`
        case expressionBegin
        /// `}}`
        case expressionEnd
        /// `{%`
        case blockBegin
        /// `%}`
        case blockEnd
        case name(String)
        case text(String)
        case integer(Int)
        case number(Double)
        /// An operator or a bracket.
        case symbol(String)
        /// After the last piece.
        case end
    }

    let kind: Kind
    /// From 1.
    let line: Int

    /// The token in a message.
    var shown: String {
        switch kind {
        case .data: "text"
        case .expressionBegin: "'{{'"
        case .expressionEnd: "'}}'"
        case .blockBegin: "'{%'"
        case .blockEnd: "'%}'"
        case .name(let name): name.quoted
        case .text: "a string"
        case .integer(let value): "'\(value)'"
        case .number(let value): "'\(value)'"
        case .symbol(let symbol): "'\(symbol)'"
        case .end: "the end of the template"
        }
    }
}

extension Unicode.Scalar {
    /// What Python's `str.isspace` and `\s` call white space.
    var isPythonSpace: Bool {
        switch value {
        case 0x09...0x0D, 0x1C...0x20, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F,
            0x205F, 0x3000:
            true
        default: false
        }
    }

    /// Whether an ASCII name may hold this.
    var isNamePart: Bool {
        switch self {
        case "a"..."z", "A"..."Z", "0"..."9", "_": true
        default: false
        }
    }

    var isASCIIDigit: Bool { ("0"..."9").contains(self) }
}
