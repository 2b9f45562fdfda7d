/// Searching by code points. Swift's own searches go by characters as readers see them: they would
/// not find "\n" in "\r\n", nor "e" before a combining accent.
extension String {
    /// Byte offsets at which `part` stands, from the left and not overlapping.
    func occurrences(of part: String, limit: Int = .max) -> [Int] {
        let (text, part) = (Array(utf8), Array(part.utf8))
        guard let first = part.first, text.count >= part.count else { return [] }
        var offsets: [Int] = []
        var offset = 0
        while offset <= text.count - part.count, offsets.count < limit {
            if text[offset] == first, text[offset..<(offset + part.count)].elementsEqual(part) {
                offsets.append(offset)
                offset += part.count
            } else {
                offset += 1
            }
        }
        return offsets
    }

    func containsExactly(_ part: String) -> Bool {
        part.isEmpty || !occurrences(of: part, limit: 1).isEmpty
    }

    func beginsExactly(with part: String) -> Bool { utf8.starts(with: part.utf8) }

    func endsExactly(with part: String) -> Bool {
        utf8.count >= part.utf8.count && utf8.suffix(part.utf8.count).elementsEqual(part.utf8)
    }

    /// Python's `str.split(separator, limit)`.
    func pieces(between separator: String, limit: Int = .max) -> [String] {
        let text = Array(utf8)
        var pieces: [String] = []
        var start = 0
        for offset in occurrences(of: separator, limit: limit) {
            pieces.append(String(decoding: text[start..<offset], as: UTF8.self))
            start = offset + separator.utf8.count
        }
        pieces.append(String(decoding: text[start...], as: UTF8.self))
        return pieces
    }

    /// Python's `str.rsplit(separator, limit)`.
    func piecesFromRight(between separator: String, limit: Int) -> [String] {
        guard limit < Int.max else { return pieces(between: separator) }
        // Occurrences from the right: those of the mirrored text.
        let mirrored = { (text: String) in
            String(String.UnicodeScalarView(text.unicodeScalars.reversed()))
        }
        return mirrored(self).pieces(between: mirrored(separator), limit: limit).reversed()
            .map(mirrored)
    }

    /// Python's `str.split(None, limit)`: words between white space.
    func words(limit: Int = .max) -> [String] {
        var words: [String] = []
        var rest = unicodeScalars[...]
        while true {
            rest = rest.drop { $0.isPythonSpace }
            guard !rest.isEmpty else { return words }
            if words.count == limit {
                words.append(String(rest))
                return words
            }
            let word = rest.prefix { !$0.isPythonSpace }
            words.append(String(word))
            rest = rest[word.endIndex...]
        }
    }

    /// Python's `str.splitlines()`.
    func lines(keepingEnds: Bool = false) -> [String] {
        var lines: [String] = []
        var line = String.UnicodeScalarView()
        var rest = unicodeScalars[...]
        while let scalar = rest.popFirst() {
            guard scalar.endsPythonLine else {
                line.append(scalar)
                continue
            }
            if keepingEnds { line.append(scalar) }
            if scalar == "\r", rest.first == "\n" {
                rest.removeFirst()
                if keepingEnds { line.append("\n") }
            }
            lines.append(String(line))
            line = String.UnicodeScalarView()
        }
        return line.isEmpty ? lines : lines + [String(line)]
    }

    /// Without the leading and trailing code points that `isStripped` names.
    func stripped(
        left: Bool = true, right: Bool = true, _ isStripped: (Unicode.Scalar) -> Bool
    ) -> String {
        var rest = unicodeScalars[...]
        if left { rest = rest.drop(while: isStripped) }
        while right, let last = rest.last, isStripped(last) { rest.removeLast() }
        return String(rest)
    }

    /// As Python's `html.escape` in MarkupSafe's form.
    var escapedForHTML: String {
        var escaped = ""
        for scalar in unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "'": escaped += "&#39;"
            case "\"": escaped += "&#34;"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}

extension Unicode.Scalar {
    fileprivate var endsPythonLine: Bool {
        switch value {
        case 0x0A...0x0D, 0x1C...0x1E, 0x85, 0x2028, 0x2029: true
        default: false
        }
    }
}
