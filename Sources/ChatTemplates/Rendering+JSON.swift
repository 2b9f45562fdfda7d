/// How `tojson` writes.
struct JSONStyle {
    /// Blanks or text of one level; `nil` writes one line.
    var indentation: String?
    var itemSeparator = ", "
    var keySeparator = ": "
    var escapesNonASCII = false
    var sortsKeys = false
}

extension Rendering {
    /// As Python's `json.dumps`, which transformers puts in the place of Jinja's own `tojson`.
    func json(_ value: TemplateValue, _ style: JSONStyle) throws(ChatTemplateError) -> String {
        var text = ""
        try write(value, to: &text, style, depth: 0)
        return text
    }

    private func write(
        _ value: TemplateValue, to text: inout String, _ style: JSONStyle, depth: Int
    ) throws(ChatTemplateError) {
        try spend(1)
        switch value {
        case .none: text += "null"
        case .boolean(let value): text += value ? "true" : "false"
        case .integer(let value): text += "\(value)"
        case .number(let value): text += value.inPythonJSON
        case .text(let string), .markup(let string):
            try spendText(text.utf8.count / 64 + string.utf8.count)
            text += string.inPythonJSON(escapesNonASCII: style.escapesNonASCII)
        case .list(let values), .tuple(let values):
            guard !values.isEmpty else { return text += "[]" }
            text += "["
            for (index, value) in values.enumerated() {
                try separate(index, &text, style, depth: depth + 1)
                try deeper(value, to: &text, style, depth: depth + 1)
            }
            try lineFeed(&text, style, depth: depth)
            text += "]"
        case .mapping(let mapping): try write(mapping, to: &text, style, depth: depth)
        default: throw failure("a \(value.typeName) cannot be written as JSON")
        }
        guard text.utf8.count <= Self.longestText else {
            throw failure("a text becomes longer than \(Self.longestText >> 20) MiB")
        }
    }

    private func write(
        _ mapping: TemplateMapping, to text: inout String, _ style: JSONStyle, depth: Int
    ) throws(ChatTemplateError) {
        guard !mapping.keys.isEmpty else { return text += "{}" }
        var members: [(key: TemplateValue, value: TemplateValue)] = mapping.members
        if style.sortsKeys { members = try sorted(members) { $0.key } }
        text += "{"
        for (index, member) in members.enumerated() {
            try separate(index, &text, style, depth: depth + 1)
            text += try key(member.key).inPythonJSON(escapesNonASCII: style.escapesNonASCII)
            text += style.keySeparator
            try deeper(member.value, to: &text, style, depth: depth + 1)
        }
        try lineFeed(&text, style, depth: depth)
        text += "}"
    }

    private func deeper(
        _ value: TemplateValue, to text: inout String, _ style: JSONStyle, depth: Int
    ) throws(ChatTemplateError) {
        try nested { () throws(ChatTemplateError) in
            try write(value, to: &text, style, depth: depth)
        }
    }

    private func separate(
        _ index: Int, _ text: inout String, _ style: JSONStyle, depth: Int
    ) throws(ChatTemplateError) {
        if index > 0 { text += style.itemSeparator }
        try lineFeed(&text, style, depth: depth)
    }

    private func lineFeed(
        _ text: inout String, _ style: JSONStyle, depth: Int
    ) throws(ChatTemplateError) {
        guard let indentation = style.indentation else { return }
        try spendText(indentation.utf8.count * depth)
        text += "\n" + String(repeating: indentation, count: depth)
    }

    private func key(_ value: TemplateValue) throws(ChatTemplateError) -> String {
        switch value {
        case .text(let text), .markup(let text): return text
        case .none: return "null"
        case .boolean(let value): return value ? "true" : "false"
        case .integer(let value): return "\(value)"
        case .number(let value): return value.inPythonJSON
        default: throw failure("a \(value.typeName) cannot be a key of JSON")
        }
    }
}

extension Double {
    fileprivate var inPythonJSON: String {
        isNaN ? "NaN" : isFinite ? inPython : self < 0 ? "-Infinity" : "Infinity"
    }
}

extension String {
    fileprivate func inPythonJSON(escapesNonASCII: Bool) -> String {
        var text = "\""
        for scalar in unicodeScalars {
            switch scalar {
            case "\"", "\\": text += "\\" + String(scalar)
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case "\u{8}": text += "\\b"
            case "\u{C}": text += "\\f"
            default:
                if scalar.value < 0x20 || escapesNonASCII && scalar.value > 0x7E {
                    for unit in String(scalar).utf16 {
                        let digits = String(unit, radix: 16)
                        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                    }
                } else {
                    text.unicodeScalars.append(scalar)
                }
            }
        }
        return text + "\""
    }
}
