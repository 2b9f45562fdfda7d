extension Rendering {
    /// Python's `str(value)`.
    func text(of value: TemplateValue) throws(ChatTemplateError) -> String {
        switch value {
        case .undefined: return ""
        case .text(let text), .markup(let text): return text
        default: return try representation(of: value)
        }
    }

    /// Python's `repr(value)`.
    private func representation(of value: TemplateValue) throws(ChatTemplateError) -> String {
        switch value {
        case .undefined: return "Undefined"
        case .none: return "None"
        case .boolean(let value): return value ? "True" : "False"
        case .integer(let value): return "\(value)"
        case .number(let value): return value.inPython
        case .text(let text):
            try spendText(text.utf8.count)
            return text.representationInPython
        case .list(let values): return "[" + (try representations(of: values)) + "]"
        case .tuple(let values):
            let inner = try representations(of: values)
            return values.count == 1 ? "(\(inner),)" : "(\(inner))"
        case .mapping(let mapping):
            var members: [String] = []
            for (key, value) in mapping.members {
                let value = try nested { () throws(ChatTemplateError) in
                    try representation(of: value)
                }
                members.append(try representation(of: key) + ": " + value)
                try spendText(members[members.count - 1].utf8.count)
            }
            return "{" + members.joined(separator: ", ") + "}"
        case .view(let view) where view.kind != .range:
            return "\(view.kind.rawValue)([" + (try representations(of: view.values)) + "])"
        default: throw unsupported("writing a \(value.typeName)")
        }
    }

    private func representations(
        of values: [TemplateValue]
    ) throws(ChatTemplateError) -> String {
        var texts: [String] = []
        for value in values {
            let text = try nested { () throws(ChatTemplateError) in try representation(of: value) }
            try spendText(text.utf8.count)
            texts.append(text)
        }
        return texts.joined(separator: ", ")
    }
}

extension Double {
    /// Python's `repr`: the shortest digits that give the same number back.
    var inPython: String {
        guard isFinite else { return isNaN ? "nan" : self < 0 ? "-inf" : "inf" }
        // Swift's digits are the same; only where the exponent begins differs.
        let parts = "\(magnitude)".split(separator: "e")
        let exponent = parts.count > 1 ? Int(parts[1]) ?? 0 : 0
        let mantissa = parts[0].split(separator: ".", omittingEmptySubsequences: false)
        let fraction = mantissa.count > 1 && mantissa[1] != "0" ? String(mantissa[1]) : ""
        var digits = mantissa[0] + fraction
        var point = mantissa[0].count + exponent
        while digits.hasPrefix("0"), digits.count > 1 {
            digits.removeFirst()
            point -= 1
        }
        while digits.hasSuffix("0"), digits.count > 1 { digits.removeLast() }
        let sign = self.sign == .minus ? "-" : ""
        guard digits != "0" else { return sign + "0.0" }
        if point > 16 || point < -3 {
            let exponent = point - 1
            let shown = exponent.magnitude < 10 ? "0\(exponent.magnitude)" : "\(exponent.magnitude)"
            let fraction = digits.count > 1 ? "." + digits.dropFirst() : ""
            return sign + digits.prefix(1) + fraction + (exponent < 0 ? "e-" : "e+") + shown
        }
        if point <= 0 { return sign + "0." + String(repeating: "0", count: -point) + digits }
        if point >= digits.count {
            return sign + digits + String(repeating: "0", count: point - digits.count) + ".0"
        }
        return sign + digits.prefix(point) + "." + digits.dropFirst(point)
    }
}

extension String {
    /// Python's `repr` of a string.
    fileprivate var representationInPython: String {
        let quote: Unicode.Scalar =
            unicodeScalars.contains("'") && !unicodeScalars.contains("\"") ? "\"" : "'"
        var text = String(quote)
        for scalar in unicodeScalars {
            switch scalar {
            case quote, "\\": text += "\\" + String(scalar)
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            default:
                if scalar.isPrintableInPython {
                    text.unicodeScalars.append(scalar)
                } else {
                    text += scalar.escapedInPython
                }
            }
        }
        return text + String(quote)
    }
}

extension Unicode.Scalar {
    fileprivate var isPrintableInPython: Bool {
        switch properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator,
            .paragraphSeparator:
            false
        case .spaceSeparator: self == " "
        default: true
        }
    }

    fileprivate var escapedInPython: String {
        let digits = String(value, radix: 16)
        let (letter, width) = value < 0x100 ? ("x", 2) : value < 0x10000 ? ("u", 4) : ("U", 8)
        return "\\" + letter + String(repeating: "0", count: width - digits.count) + digits
    }
}
