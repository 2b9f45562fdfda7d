import Words

extension Rendering {
    /// `text.name(arguments)`
    func call(
        _ name: String, of text: String, _ arguments: CallArguments
    ) throws(ChatTemplateError) -> TemplateValue {
        try spendText(text.utf8.count)
        if name == "format" { return .text(try formatted(text, arguments)) }
        func bound(_ parameters: String...) throws(ChatTemplateError) -> BoundArguments {
            try BoundArguments(arguments, to: parameters, of: name, in: self)
        }
        switch name {
        case "strip", "lstrip", "rstrip":
            let characters = try bound("chars")["chars"] ?? .none
            let left = name != "rstrip"
            let right = name != "lstrip"
            if case .none = characters {
                return .text(text.stripped(left: left, right: right) { $0.isPythonSpace })
            }
            let set = try string(characters, "what '\(name)' takes away").unicodeScalars
            return .text(text.stripped(left: left, right: right, set.contains))
        case "split", "rsplit":
            return try split(text, fromRight: name == "rsplit", bound("sep", "maxsplit"))
        case "splitlines":
            let keeps = try bound("keepends")["keepends"]?.isTrue == true
            return .list(text.lines(keepingEnds: keeps).map { .text($0) })
        case "startswith", "endswith":
            return .boolean(try hasAffix(text, name, bound("prefix")["prefix"] ?? .none))
        case "removeprefix", "removesuffix":
            let part = try string(bound("part")["part"] ?? .none, "what '\(name)' takes away")
            return .text(text.without(part, atStart: name == "removeprefix"))
        case "replace":
            let given = try bound("old", "new", "count")
            return try replaced(
                text, string(given["old"] ?? .none, "what 'replace' looks for"),
                string(given["new"] ?? .none, "what 'replace' puts in"),
                count: given["count"] ?? .none)
        case "join":
            let parts = try elements(of: bound("parts")["parts"] ?? .none)
            var joined: [String] = []
            for part in parts {
                joined.append(try string(part, "what 'join' joins"))
                try spendText(joined[joined.count - 1].utf8.count + text.utf8.count)
            }
            return .text(joined.joined(separator: text))
        case "find", "rfind", "index", "rindex", "count":
            let part = try string(bound("part")["part"] ?? .none, "what '\(name)' looks for")
            return try located(part, in: text, name)
        case "partition", "rpartition":
            let part = try string(bound("part")["part"] ?? .none, "what '\(name)' looks for")
            return try parted(text, by: part, fromRight: name == "rpartition")
        default:
            guard arguments.positional.isEmpty, arguments.named.isEmpty,
                let value = text.pythonProperty(name)
            else { throw unsupported("the method '\(name)' of a string, called so") }
            return value
        }
    }

    private func split(
        _ text: String, fromRight: Bool, _ given: BoundArguments
    ) throws(ChatTemplateError) -> TemplateValue {
        let count = try integer(given["maxsplit"] ?? .integer(-1), "'maxsplit'")
        let limit = count < 0 ? Int.max : count
        guard let separator = given["sep"]?.string else {
            if let other = given["sep"], other.typeName != "none" {
                throw failure("'split' needs a string, not a \(other.typeName)")
            }
            if fromRight, limit != .max { throw unsupported("'rsplit' without a separator") }
            return .list(text.words(limit: limit).map { .text($0) })
        }
        guard !separator.isEmpty else { throw failure("the separator of 'split' is empty") }
        let pieces =
            fromRight
            ? text.piecesFromRight(between: separator, limit: limit)
            : text.pieces(between: separator, limit: limit)
        try spend(pieces.count)
        return .list(pieces.map { .text($0) })
    }

    private func hasAffix(
        _ text: String, _ name: String, _ affix: TemplateValue
    ) throws(ChatTemplateError) -> Bool {
        if case .tuple(let affixes) = affix {
            for affix in affixes where try hasAffix(text, name, affix) { return true }
            return false
        }
        let part = try string(affix, "what '\(name)' looks for")
        return name == "startswith" ? text.beginsExactly(with: part) : text.endsExactly(with: part)
    }

    private func located(
        _ part: String, in text: String, _ name: String
    ) throws(ChatTemplateError) -> TemplateValue {
        guard !part.isEmpty else { throw unsupported("'\(name)' of an empty string") }
        let isFirst = name == "find" || name == "index"
        if name == "count" { return .integer(text.occurrences(of: part).count) }
        let before =
            isFirst
            ? text.pieces(between: part, limit: 1) : text.piecesFromRight(between: part, limit: 1)
        guard before.count > 1 else {
            guard name.hasSuffix("find") else { throw failure("'\(name)' finds nothing") }
            return .integer(-1)
        }
        return .integer(before[0].unicodeScalars.count)
    }

    private func parted(
        _ text: String, by part: String, fromRight: Bool
    ) throws(ChatTemplateError) -> TemplateValue {
        guard !part.isEmpty else { throw failure("the separator of 'partition' is empty") }
        let pieces =
            fromRight
            ? text.piecesFromRight(between: part, limit: 1) : text.pieces(between: part, limit: 1)
        let three =
            pieces.count > 1
            ? [pieces[0], part, pieces[1]] : fromRight ? ["", "", text] : [text, "", ""]
        return .tuple(three.map { .text($0) })
    }

    /// Python's `text.format(…)`, for fields without conversion and format: `{}`, `{0}`, `{name}`.
    private func formatted(
        _ text: String, _ arguments: CallArguments
    ) throws(ChatTemplateError) -> String {
        var result = ""
        var automatic = 0
        var rest = text.unicodeScalars[...]
        while let scalar = rest.popFirst() {
            guard scalar == "{" || scalar == "}" else {
                result.unicodeScalars.append(scalar)
                continue
            }
            if rest.first == scalar {
                rest.removeFirst()
                result.unicodeScalars.append(scalar)
                continue
            }
            guard scalar == "{", let end = rest.firstIndex(of: "}") else {
                throw failure("'format' finds a single '\(scalar)'")
            }
            let field = String(rest[..<end])
            rest = rest[rest.index(after: end)...]
            guard field.unicodeScalars.allSatisfy(\.isNamePart) else {
                throw unsupported("the field \(field.quoted) of 'format'")
            }
            let index = field.isEmpty ? automatic : Int(field)
            if field.isEmpty { automatic += 1 }
            let value =
                index.flatMap {
                    arguments.positional.indices.contains($0) ? arguments.positional[$0] : nil
                }
                ?? arguments.named.first { $0.name == field }?.value
            guard let value else {
                throw failure("'format' has no value for the field \(field.quoted)")
            }
            let shown = try self.text(of: value)
            try spendText(result.utf8.count / 64 + shown.utf8.count)
            result += shown
        }
        return result
    }
}

extension String {
    fileprivate func without(_ part: String, atStart: Bool) -> String {
        guard atStart ? beginsExactly(with: part) : endsExactly(with: part) else { return self }
        return String(
            decoding: atStart
                ? utf8.dropFirst(part.utf8.count) : utf8.dropLast(part.utf8.count), as: UTF8.self)
    }

    /// The result of a method without arguments; `nil` if there is none of that name.
    fileprivate func pythonProperty(_ name: String) -> TemplateValue? {
        func all(_ isWanted: (Unicode.Scalar) -> Bool) -> TemplateValue {
            .boolean(!isEmpty && unicodeScalars.allSatisfy(isWanted))
        }
        switch name {
        case "upper": return .text(pythonUpper)
        case "lower": return .text(pythonLower)
        case "title": return .text(pythonTitle)
        case "capitalize": return .text(pythonCapitalized)
        case "isupper": return .boolean(isPythonUpper)
        case "islower": return .boolean(isPythonLower)
        case "isspace": return all(\.isPythonSpace)
        case "isdecimal": return all { $0.properties.generalCategory == .decimalNumber }
        case "isdigit":
            return all { scalar in
                scalar.properties.numericType == .decimal || scalar.properties.numericType == .digit
            }
        case "isnumeric": return all { $0.properties.numericType != nil }
        case "isascii": return .boolean(unicodeScalars.allSatisfy(\.isASCII))
        case "isalpha": return all(\.isPythonLetter)
        case "isalnum": return all { $0.isPythonLetter || $0.properties.numericType != nil }
        default: return nil
        }
    }
}

extension Unicode.Scalar {
    fileprivate var isPythonLetter: Bool {
        switch properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter:
            true
        default: false
        }
    }
}
