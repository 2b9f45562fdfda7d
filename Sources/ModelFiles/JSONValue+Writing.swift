extension JSONValue {
    /// The value as JSON text of two blanks an indentation, ending with a line feed.
    ///
    /// Reading it back gives the same value. Numbers that are not finite, which JSON lacks, become
    /// null.
    public func encoded() -> [UInt8] {
        var text = ""
        write(to: &text, indentation: "\n")
        text += "\n"
        return Array(text.utf8)
    }

    /// Appends the value; `indentation` is a line feed and the blanks of the current depth.
    private func write(to text: inout String, indentation: String) {
        switch self {
        case .null: text += "null"
        case .boolean(let value): text += "\(value)"
        case .integer(let value): text += "\(value)"
        case .number(let value): text += value.isFinite ? "\(value)" : "null"
        case .text(let value): text += value.inJSON
        case .array(let values):
            guard !values.isEmpty else { return text += "[]" }
            let inner = indentation + "  "
            for (index, value) in values.enumerated() {
                text += (index == 0 ? "[" : ",") + inner
                value.write(to: &text, indentation: inner)
            }
            text += indentation + "]"
        case .object(let members):
            guard !members.keys.isEmpty else { return text += "{}" }
            let inner = indentation + "  "
            for (index, key) in members.keys.enumerated() {
                text += (index == 0 ? "{" : ",") + inner + key.inJSON + ": "
                (members[key] ?? .null).write(to: &text, indentation: inner)
            }
            text += indentation + "}"
        }
    }
}
