/// The escapes of string literals, which Jinja takes from Python.
enum TemplateEscapes {
    /// The text of a literal; `nil` if an escape is broken or gives no Unicode character.
    static func unescaped(_ literal: ArraySlice<Unicode.Scalar>) -> String? {
        var text = String.UnicodeScalarView()
        var rest = literal
        while let scalar = rest.popFirst() {
            guard scalar == "\\" else {
                text.append(scalar)
                continue
            }
            guard let letter = rest.popFirst(), letter.isASCII else { return nil }
            if let plain = plain[letter] {
                text.append(plain)
            } else if let digits = ["x": 2, "u": 4, "U": 8][letter] {
                guard let escaped = hexadecimal(digits, &rest) else { return nil }
                text.append(escaped)
            } else if ("0"..."7").contains(letter) {
                text.append(octal(first: letter, &rest))
            } else if letter == "N" {
                return nil
            } else if letter != "\n" {
                // As Python: an escape that it does not know stays as it is.
                text.append(scalar)
                text.append(letter)
            }
        }
        return String(text)
    }

    private static let plain: [Unicode.Scalar: Unicode.Scalar] = [
        "n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", "\"": "\"", "a": "\u{7}",
        "b": "\u{8}", "f": "\u{C}", "v": "\u{B}",
    ]

    private static func hexadecimal(
        _ digits: Int, _ rest: inout ArraySlice<Unicode.Scalar>
    ) -> Unicode.Scalar? {
        var value: UInt32 = 0
        for _ in 0..<digits {
            guard let digit = rest.popFirst(), let nibble = Character(digit).hexDigitValue,
                digit.isASCII, value < 1 << 24
            else { return nil }
            value = value << 4 | UInt32(nibble)
        }
        return Unicode.Scalar(value)
    }

    private static func octal(
        first: Unicode.Scalar, _ rest: inout ArraySlice<Unicode.Scalar>
    ) -> Unicode.Scalar {
        // Three octal digits are at most 511, which is a character.
        var value = first.value - 48
        for _ in 0..<2 {
            guard let digit = rest.first, ("0"..."7").contains(digit) else { break }
            value = value << 3 | (digit.value - 48)
            rest.removeFirst()
        }
        return Unicode.Scalar(value) ?? "\u{FFFD}"
    }
}
