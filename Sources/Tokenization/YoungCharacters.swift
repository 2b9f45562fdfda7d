import CPCRE2

/// Characters that the expressions of Hugging Face `tokenizers` 0.23 know (Unicode 16) and the
/// installed PCRE2, which may be older, does not: by general category, as members of a class.
enum YoungCharacters {
    /// The general categories and their groups.
    static let categories: Set<String> = Set(leaves.values).union(
        leaves.values.map { $0.prefix(1) }
            .map(String.init))

    private static let leaves: [Unicode.GeneralCategory: String] = [
        .uppercaseLetter: "Lu", .lowercaseLetter: "Ll", .titlecaseLetter: "Lt",
        .modifierLetter: "Lm", .otherLetter: "Lo", .nonspacingMark: "Mn", .spacingMark: "Mc",
        .enclosingMark: "Me", .decimalNumber: "Nd", .letterNumber: "Nl", .otherNumber: "No",
        .connectorPunctuation: "Pc", .dashPunctuation: "Pd", .openPunctuation: "Ps",
        .closePunctuation: "Pe", .initialPunctuation: "Pi", .finalPunctuation: "Pf",
        .otherPunctuation: "Po", .mathSymbol: "Sm", .currencySymbol: "Sc", .modifierSymbol: "Sk",
        .otherSymbol: "So", .spaceSeparator: "Zs", .lineSeparator: "Zl",
        .paragraphSeparator: "Zp", .control: "Cc", .format: "Cf",
    ]

    /// Members, e.g. `\x{a7da}-\x{a7dc}`, of categories such as `Lu` and of groups such as `L`.
    static func members(ofAny names: [String]) -> String {
        ranges.filter { range in
            names.contains { range.category.hasPrefix($0) }
        }.map { "\\x{\($0.first)}-\\x{\($0.last)}" }.joined()
    }

    /// Of the scripts that patterns name, these have grown since Unicode 14.
    static func members(ofScript name: String) -> String {
        switch name {
        case "Han": #"\x{2ebf0}-\x{2ee5d}\x{31350}-\x{323af}"#
        case "Hiragana": #"\x{1b132}"#
        case "Katakana": #"\x{1b155}"#
        default: ""
        }
    }

    private struct CategoryRange {
        var category: String
        /// In hexadecimal digits.
        var first: String
        var last: String
    }

    private static let ranges: [CategoryRange] = {
        let known = knownMajorVersion
        var ranges: [(category: String, first: UInt32, last: UInt32)] = []
        for value in UInt32(0)..<0x32400 {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let properties = scalar.properties
            guard let age = properties.age, age.major > known, age.major <= 16,
                let category = leaves[properties.generalCategory]
            else { continue }
            if let last = ranges.last, last.category == category, last.last + 1 == value {
                ranges[ranges.count - 1].last = value
            } else {
                ranges.append((category, value, value))
            }
        }
        return ranges.map {
            CategoryRange(
                category: $0.category, first: String($0.first, radix: 16),
                last: String($0.last, radix: 16))
        }
    }()

    /// The Unicode version of PCRE2's tables, e.g. 14.
    private static var knownMajorVersion: Int {
        var text = [CChar](repeating: 0, count: 32)
        let length = text.withUnsafeMutableBufferPointer {
            pcre2_config_8(cpcre2_unicode_version, $0.baseAddress)
        }
        guard length > 0 else { return 0 }
        let digits = text.prefix { $0 >= 0x30 && $0 <= 0x39 }
        return Int(String(decoding: digits.map { UInt8($0) }, as: UTF8.self)) ?? 0
    }
}
