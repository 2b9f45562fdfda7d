extension Rendering {
    /// Filters that make a text; `nil` if `name` is another one.
    func textFiltered(
        _ value: TemplateValue, by name: String, _ arguments: CallArguments
    ) throws(ChatTemplateError) -> TemplateValue? {
        func bound(_ parameters: String...) throws(ChatTemplateError) -> BoundArguments {
            try BoundArguments(arguments, to: parameters, of: name, in: self)
        }
        let textual: Set = [
            "capitalize", "indent", "lower", "replace", "safe", "string", "title", "trim", "upper",
        ]
        guard textual.contains(name) else { return nil }
        if case .markup = value, name == "safe" || name == "string" { return value }
        try refuseMarkup(value, "the filter '\(name)'")
        let text = try text(of: value)
        try spendText(text.utf8.count)
        switch name {
        case "string": return .text(text)
        case "safe": return .markup(text)
        case "lower": return .text(text.pythonLower)
        case "upper": return .text(text.pythonUpper)
        case "capitalize": return .text(text.pythonCapitalized)
        case "title": return .text(text.titledByJinja)
        case "trim":
            let characters = try bound("chars")["chars"] ?? .none
            guard let characters = characters.string else {
                return .text(text.stripped { $0.isPythonSpace })
            }
            return .text(text.stripped(characters.unicodeScalars.contains))
        case "replace":
            let given = try bound("old", "new", "count")
            return try replaced(
                text, try self.text(of: given["old"] ?? .none),
                try self.text(of: given["new"] ?? .none), count: given["count"] ?? .none)
        default:
            guard value.string != nil else {
                throw failure("'indent' needs a string, not a \(value.typeName)")
            }
            return .text(try indented(text, try bound("width", "first", "blank")))
        }
    }

    /// Text that was marked by `safe` escapes what it meets, which only `+` does here.
    func refuseMarkup(_ value: TemplateValue, _ operation: String) throws(ChatTemplateError) {
        if case .markup = value { throw unsupported("\(operation) on text marked 'safe'") }
    }

    /// Python's `text.replace(old, new, count)`.
    func replaced(
        _ text: String, _ old: String, _ new: String, count: TemplateValue
    ) throws(ChatTemplateError) -> TemplateValue {
        var limit = Int.max
        if count.typeName != "none" {
            let count = try integer(count, "the count of 'replace'")
            limit = count < 0 ? .max : count
        }
        let pieces: [String]
        if old.isEmpty {
            try spend(text.utf8.count)
            pieces = text.everyGap(limit: limit)
        } else {
            pieces = text.pieces(between: old, limit: limit)
        }
        let (added, overflow) = new.utf8.count.multipliedReportingOverflow(by: pieces.count)
        try spendText(overflow ? .max : text.utf8.count + min(added, .max / 2))
        return .text(pieces.joined(separator: new))
    }

    private func indented(
        _ text: String, _ given: BoundArguments
    ) throws(ChatTemplateError) -> String {
        let indentation: String
        if let text = given["width"]?.string {
            indentation = text
        } else {
            let width = try integer(given["width"] ?? .integer(4), "the width of 'indent'")
            try spendText(max(width, 0))
            indentation = String(repeating: " ", count: max(width, 0))
        }
        let lines = (text + "\n").lines()
        let (added, overflow) = indentation.utf8.count.multipliedReportingOverflow(by: lines.count)
        try spendText(overflow ? .max : text.utf8.count + min(added, .max / 2))
        let blank = given["blank"]?.isTrue == true
        var result = given["first"]?.isTrue == true ? indentation : ""
        for (index, line) in lines.enumerated() {
            if index > 0 { result += "\n" + (line.isEmpty && !blank ? "" : indentation) }
            result += line
        }
        return result
    }
}

extension String {
    /// The text cut at every gap between code points, its ends included.
    fileprivate func everyGap(limit: Int) -> [String] {
        guard limit > 0 else { return [self] }
        var pieces = [""]
        var rest = unicodeScalars[...]
        while pieces.count < limit, let scalar = rest.popFirst() { pieces.append(String(scalar)) }
        return pieces + [String(rest)]
    }

    /// Words begin after blanks, hyphens and opening brackets.
    fileprivate var titledByJinja: String {
        var title = ""
        var word = ""
        for scalar in unicodeScalars {
            guard scalar.isPythonSpace || "-({[<".unicodeScalars.contains(scalar) else {
                word.unicodeScalars.append(scalar)
                continue
            }
            title += word.titledWord + String(scalar)
            word = ""
        }
        return title + word.titledWord
    }

    private var titledWord: String {
        guard let first = unicodeScalars.first else { return "" }
        return String(first).pythonUpper + String(unicodeScalars.dropFirst()).pythonLower
    }
}
