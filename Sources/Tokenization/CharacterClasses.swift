/// What the pre-tokenizer patterns ask of a character, by table for the Basic Multilingual Plane.
///
/// Letters and numbers are those of Unicode 16, as in the regular expressions of Hugging Face
/// `tokenizers` 0.23: a newer Swift must not change the tokens of a text.
struct CharacterClasses: Sendable {
    /// Classes of one character.
    struct Flags: OptionSet, Sendable {
        let rawValue: UInt8
        /// `\p{L}`
        static let letter = Flags(rawValue: 1)
        /// `\p{N}`
        static let number = Flags(rawValue: 2)
        /// `\s`: the property White_Space.
        static let space = Flags(rawValue: 4)
        /// `\w`: alphabetic characters, marks, decimal digits, connectors and joiners.
        static let word = Flags(rawValue: 8)
        /// What the Digits pre-tokenizer takes out: numbers of any version of Unicode.
        static let digit = Flags(rawValue: 16)
        /// What the Punctuation pre-tokenizer takes out: of ASCII also what Unicode calls symbols.
        static let punctuation = Flags(rawValue: 32)

        static let letterNumberOrSpace: Flags = [.letter, .number, .space]
    }

    /// A character inside UTF-8 text.
    struct Character {
        var value: UInt32
        /// Bytes in UTF-8.
        var length: Int
        var flags: Flags

        func isAny(of classes: Flags) -> Bool { !flags.isDisjoint(with: classes) }
    }

    static let shared = CharacterClasses()

    private let basicPlane: [UInt8]

    private init() {
        basicPlane = (0..<0x10000).map { (value: UInt32) in
            Unicode.Scalar(value).map { Self.flags(of: $0).rawValue } ?? 0
        }
    }

    func flags(of value: UInt32) -> Flags {
        if value < 0x10000 { return Flags(rawValue: basicPlane[Int(value)]) }
        return Unicode.Scalar(value).map(Self.flags(of:)) ?? []
    }

    /// The character that starts at `index`.
    ///
    /// - Precondition: `bytes` is valid UTF-8 and `index` the start of a character.
    @inline(__always)
    func character(in bytes: [UInt8], at index: Int) -> Character {
        let lead = UInt32(bytes[index])
        if lead < 0x80 {
            return Character(
                value: lead, length: 1, flags: Flags(rawValue: basicPlane[Int(lead)]))
        }
        let length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4
        var value = lead & (0x7F >> UInt32(length))
        for offset in 1..<length {
            value = value << 6 | UInt32(bytes[index + offset]) & 0x3F
        }
        return Character(value: value, length: length, flags: flags(of: value))
    }

    /// The character that ends before `index`.
    ///
    /// - Precondition: As for ``character(in:at:)``; `index > 0`.
    func character(in bytes: [UInt8], before index: Int) -> Character {
        var start = index - 1
        while start > 0, bytes[start] & 0xC0 == 0x80 { start -= 1 }
        return character(in: bytes, at: start)
    }

    /// Where the run of characters with any of `classes` that starts at `index` ends.
    @inline(__always)
    func endOfRun(of classes: Flags, in bytes: [UInt8], from index: Int, upTo end: Int) -> Int {
        var index = index
        while index < end {
            let character = character(in: bytes, at: index)
            guard character.isAny(of: classes) else { break }
            index += character.length
        }
        return index
    }

    /// Where the run of characters with none of `classes` that starts at `index` ends.
    @inline(__always)
    func endOfRun(outside classes: Flags, in bytes: [UInt8], from index: Int, upTo end: Int) -> Int
    {
        var index = index
        while index < end {
            let character = character(in: bytes, at: index)
            guard !character.isAny(of: classes) else { break }
            index += character.length
        }
        return index
    }

    private static func flags(of scalar: Unicode.Scalar) -> Flags {
        let properties = scalar.properties
        var flags: Flags = []
        switch properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter:
            flags = [.letter, .word]
        case .decimalNumber: flags = [.number, .digit, .word]
        case .letterNumber, .otherNumber: flags = [.number, .digit]
        case .nonspacingMark, .spacingMark, .enclosingMark, .connectorPunctuation: flags = .word
        default: break
        }
        switch properties.generalCategory {
        case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation,
            .initialPunctuation, .finalPunctuation, .otherPunctuation:
            flags.insert(.punctuation)
        case .mathSymbol, .currencySymbol, .modifierSymbol, .otherSymbol:
            if scalar.isASCII { flags.insert(.punctuation) }
        default: break
        }
        if properties.isWhitespace { flags.insert(.space) }
        if properties.isAlphabetic || properties.isJoinControl { flags.insert(.word) }
        let isKnownToExpressions = properties.age.map { $0.major <= 16 } ?? false
        return isKnownToExpressions ? flags : flags.intersection(.digit)
    }
}
