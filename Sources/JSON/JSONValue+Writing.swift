/// How JSON is written, for every file, page and stream of this software. Reading it back gives the same
/// value: doubles have the shortest digits that identify them. Numbers that are not finite, which JSON
/// lacks, become null.
extension JSONValue {
    /// The value on one line without blanks.
    public var line: String {
        var text = ""
        write(to: &text, .compact)
        return text
    }

    /// The value as a file: two blanks an indentation, and a line feed at the end.
    public func encoded() -> [UInt8] {
        var text = ""
        write(to: &text, Layout(indentation: "\n"))
        text += "\n"
        return Array(text.utf8)
    }

    /// As the lists of small files are: on one line, with a blank behind commas and colons.
    public var spacedLine: String {
        var text = ""
        write(to: &text, .spaced)
        return text
    }

    private struct Layout {
        /// A line feed and the blanks of the current depth; `nil` for one line.
        var indentation: String?
        var blank = " "

        static let compact = Layout(indentation: nil, blank: "")
        static let spaced = Layout(indentation: nil)

        var deeper: Layout { Layout(indentation: indentation.map { $0 + "  " }, blank: blank) }

        func beginItem(_ index: Int, in text: inout String) {
            if index > 0 { text += "," }
            text += indentation ?? (index > 0 ? blank : "")
        }
    }

    private func write(to text: inout String, _ layout: Layout) {
        switch self {
        case .null: text += "null"
        case .boolean(let value): text += "\(value)"
        case .integer(let value): text += "\(value)"
        case .number(let value): text += value.isFinite ? "\(value)" : "null"
        case .text(let value): text += value.inJSON
        case .array(let values):
            guard !values.isEmpty else { return text += "[]" }
            text += "["
            for (index, value) in values.enumerated() {
                layout.deeper.beginItem(index, in: &text)
                value.write(to: &text, layout.deeper)
            }
            text += (layout.indentation ?? "") + "]"
        case .object(let members):
            guard !members.keys.isEmpty else { return text += "{}" }
            text += "{"
            for (index, (key, value)) in members.enumerated() {
                layout.deeper.beginItem(index, in: &text)
                text += key.inJSON + ":" + layout.blank
                value.write(to: &text, layout.deeper)
            }
            text += (layout.indentation ?? "") + "}"
        }
    }
}

extension JSONObject {
    /// The object on one line without blanks.
    public var line: String { JSONValue.object(self).line }

    /// The object as a file of a line a member, whose values stand on that line: what people look into.
    public func memberLines() -> [UInt8] {
        let lines = map { key, value in "  \(key.inJSON): \(value.spacedLine)" }
        return Array("{\n\(lines.joined(separator: ",\n"))\n}\n".utf8)
    }
}

extension String {
    /// The text as JSON has it, with the escapes that files of earlier versions have.
    public var inJSON: String {
        var json = "\""
        for scalar in unicodeScalars {
            switch scalar {
            case "\"": json += "\\\""
            case "\\": json += "\\\\"
            case "\n": json += "\\n"
            case "\0"..<" ":
                let digits = String(scalar.value, radix: 16)
                json += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: json.unicodeScalars.append(scalar)
            }
        }
        return json + "\""
    }
}
