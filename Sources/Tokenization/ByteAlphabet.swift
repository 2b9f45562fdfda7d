/// The characters that stand for bytes in byte-level vocabularies.
///
/// Printable bytes of Latin-1 stand for themselves; the others (blanks, controls, 0xAD) take the
/// characters from U+0100 on, in the order of the bytes. So the space is `Ġ` (U+0120).
///
/// Source: GPT-2, `encoder.py`, `bytes_to_unicode`.
enum ByteAlphabet {
    /// The character of each byte.
    static let characters: [Unicode.Scalar] = {
        var nextSubstitute: UInt32 = 0x100
        return (0...255).map { (byte: UInt32) in
            let standsForItself =
                (0x21...0x7E).contains(byte) || (0xA1...0xFF).contains(byte) && byte != 0xAD
            defer { if !standsForItself { nextSubstitute += 1 } }
            return Unicode.Scalar(standsForItself ? byte : nextSubstitute) ?? "\u{FFFD}"
        }
    }()

    /// The byte of each character up to the last one in use, -1 where there is none.
    private static let bytesByCharacter: [Int16] = {
        var table = [Int16](repeating: -1, count: 0x100 + 68)
        for (byte, character) in characters.enumerated() {
            table[Int(character.value)] = Int16(byte)
        }
        return table
    }()

    /// The bytes that `token`, as written in a vocabulary, stands for.
    ///
    /// - Returns: `nil` if a character of `token` is not of the alphabet.
    static func bytes(of token: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(token.utf8.count)
        for scalar in token.unicodeScalars {
            guard scalar.value < bytesByCharacter.count else { return nil }
            let byte = bytesByCharacter[Int(scalar.value)]
            guard byte >= 0 else { return nil }
            bytes.append(UInt8(byte))
        }
        return bytes
    }

    /// `bytes` as they are written in a vocabulary, in UTF-8.
    static func spelled(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(2 * bytes.count)
        for byte in bytes { text += spellings[Int(byte)] }
        return text
    }

    private static let spellings: [[UInt8]] = characters.map { Array(String($0).utf8) }
}
