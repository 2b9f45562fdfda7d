/// What a tokenizer file says, whatever its format; not yet checked.
struct TokenizerDefinition {
    /// How tokens are written in the vocabulary.
    enum Spelling: Sendable {
        /// One character for each byte (``ByteAlphabet``).
        case byteLevel
        /// As text, with `▁` for the space.
        case text
    }

    /// Where it comes from, for messages: a path, or `GGUF metadata`.
    var source: String
    /// Names of the lists in `source`, for messages.
    var vocabularyName = "model.vocab"
    var mergesName = "model.merges"

    /// Tokens as written in the vocabulary, with their ids.
    var vocabulary: [(token: String, id: Int)]
    var spelling = Spelling.byteLevel
    /// Pairs of tokens, the one that is merged first first.
    var merges: [(left: Substring, right: Substring)]
    /// By id, in place of `merges`: neighbours whose joint text is a token are merged, the token of
    /// highest score first.
    var scores: [Float]?
    var addedTokens: [AddedToken]
    var normalizer = Normalizer()
    var preTokenizer: PreTokenizer
    /// A word that is in the vocabulary is that token, whatever the merges say.
    var ignoresMerges = false
    /// The same for words that are nothing but line feeds.
    var takesLineFeedsWhole = false
    /// Characters that the vocabulary lacks become tokens such as `<0x0A>`, one for each byte.
    var fallsBackToBytes = false
    /// Stands for what the vocabulary lacks; without it that is left out.
    var unknownToken: String?
    /// A run of such characters is one unknown token.
    var fusesUnknown = false
    var decoding = TokenDecoding()
    var beginTokens: [Int32] = []
    /// What the post-processor puts behind a text.
    var closingTokens: [Int32] = []
    var endToken: Int32?
    /// Further tokens that end a text when it is generated.
    var stopTokens: Set<Int32> = []

    /// The id of a token as written in the file.
    func id(of content: String) -> Int32? {
        let bytes = content.utf8
        if let added = addedTokens.last(where: { $0.content.utf8.elementsEqual(bytes) }) {
            return added.id
        }
        return vocabulary.first { $0.token.utf8.elementsEqual(bytes) }
            .flatMap { Int32(exactly: $0.id) }
    }
}

/// How tokens become text again: `decoder` of a `tokenizer.json`.
struct TokenDecoding: Sendable {
    /// What is taken away at the start of a text.
    enum Start: Sendable, Equatable {
        case nothing
        /// One space.
        case space
        /// The spaces of the first token.
        case spacesOfFirstToken
    }

    /// Tokens are written with a character for each byte.
    var isByteLevel = true
    /// Bytes in a token that become others, in this order.
    var replacements: [(from: [UInt8], to: [UInt8])] = []
    /// Tokens such as `<0x0A>` are bytes.
    var fallsBackToBytes = false
    var start = Start.nothing

    /// As SentencePiece decodes: `▁` is a space.
    static func sentencePiece(start: Start) -> TokenDecoding {
        TokenDecoding(
            isByteLevel: false, replacements: [(Metaspace.bytes, [0x20])], fallsBackToBytes: true,
            start: start)
    }

    /// The byte that a token such as `<0x0A>` stands for.
    static func byte(of token: String) -> UInt8? {
        let bytes = Array(token.utf8)
        guard bytes.count == 6, token.hasPrefix("<0x"), token.hasSuffix(">") else { return nil }
        let digits = bytes[3..<5]
        guard digits.allSatisfy({ $0 < 0x61 }) else { return nil }
        return UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
    }

    /// How byte `byte` is written where it falls back.
    static func token(of byte: UInt8) -> String {
        let digits = String(byte, radix: 16, uppercase: true)
        return "<0x" + (digits.count < 2 ? "0" : "") + digits + ">"
    }
}
