/// Text of strangers in the lines that this software prints: a name out of a file or off the network must
/// neither break a line nor steer the reader's terminal.
extension String {
    /// The text on one line: blanks for line feeds and tabs, U+FFFD for other control characters and for
    /// those that turn the direction of writing.
    public var printable: String {
        var result = String.UnicodeScalarView()
        for scalar in unicodeScalars {
            switch scalar.value {
            case 0x0A, 0x0D, 0x09: result.append(" ")
            case 0..<0x20, 0x7F...0x9F, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069:
                result.append("\u{FFFD}")
            default: result.append(scalar)
            }
        }
        return String(result)
    }

    /// The first 120 characters between quotes, control characters escaped: a name in a message.
    public var quoted: String {
        let longest = 120
        var shown = ""
        for scalar in unicodeScalars.prefix(longest) {
            shown +=
                scalar.properties.generalCategory == .control
                ? scalar.escaped(asASCII: true) : String(scalar)
        }
        return unicodeScalars.dropFirst(longest).isEmpty ? "'\(shown)'" : "'\(shown)…'"
    }

    /// The first characters with Swift's escapes, for texts that are data: blanks and quotes at their ends
    /// matter.
    public func excerpt(_ longest: Int = 40) -> String {
        let start = unicodeScalars.prefix(longest).map { $0.escaped(asASCII: false) }.joined()
        return unicodeScalars.dropFirst(longest).isEmpty ? start : start + "…"
    }
}
