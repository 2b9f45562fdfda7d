import Words

/// The tokens of a tokenizer, by id and by text.
struct Vocabulary: Sendable {
    /// Far above any real vocabulary; bounds what a lying file can make us allocate.
    static let maximumSize = 1 << 22

    /// One more than the largest id.
    let size: Int
    /// Ids by token as written in the file.
    private(set) var ids: ByteStringTable
    /// The token of each single byte, -1 where there is none: in a byte-level vocabulary its
    /// character, in others the token that the byte falls back to.
    private(set) var byteTokens = [Int32](repeating: -1, count: 256)

    /// The bytes of token `i` are `arena[starts[i] ..< starts[i + 1]]`.
    private let arena: [UInt8]
    private let starts: [Int]
    private let specials: Set<Int32>
    /// Whether a token is a byte that fell back, by id; empty where none is.
    private let fallbackBytes: [Bool]
    let decoding: TokenDecoding

    /// - Throws: ``TokenizationError`` for ids that are negative, too large or given twice, an
    ///   added token whose id contradicts the vocabulary, and missing bytes of printable ASCII.
    init(_ definition: TokenizerDefinition) throws(TokenizationError) {
        let source = definition.source
        let place = "\(source): \(definition.vocabularyName)"
        guard !definition.vocabulary.isEmpty else {
            throw TokenizationError("the vocabulary is empty", at: place)
        }
        let claims =
            definition.vocabulary.map(\.id) + definition.addedTokens.map { Int($0.id) }
        let size = (claims.max() ?? 0) + 1
        guard (claims.min() ?? 0) >= 0, size <= Self.maximumSize else {
            throw TokenizationError(
                "token ids must lie between 0 and \(Self.maximumSize - 1); found "
                    + "\(claims.min() ?? 0) … \(size - 1)", at: place,
                hint: "The file is damaged: fetch it again")
        }
        var bytesByID = [[UInt8]?](repeating: nil, count: size)
        ids = ByteStringTable(minimumCapacity: definition.vocabulary.count)
        for (token, id) in definition.vocabulary {
            guard bytesByID[id] == nil else {
                throw TokenizationError(
                    "id \(id) is given to two tokens, one of them '\(token.excerpt())'", at: place,
                    hint: "The file is damaged: fetch it again")
            }
            bytesByID[id] = Self.text(of: token, definition)
            let text = Array(token.utf8)
            guard ids.insert(text, 0..<text.count, value: Int32(id)) else {
                throw TokenizationError(
                    "token '\(token.excerpt())' stands there twice", at: place,
                    hint: "The file is damaged: fetch it again")
            }
        }
        for added in definition.addedTokens {
            try Self.check(added, ids, isTaken: bytesByID[Int(added.id)] != nil, source)
            bytesByID[Int(added.id)] = Array(added.content.utf8)
        }
        decoding = definition.decoding
        fallbackBytes =
            decoding.fallsBackToBytes
            ? definition.vocabulary.reduce(into: Array(repeating: false, count: size)) {
                $0[$1.id] = TokenDecoding.byte(of: $1.token) != nil
            } : []
        self.size = size
        specials = Set(definition.addedTokens.lazy.filter(\.isSpecial).map(\.id))
        arena = bytesByID.flatMap { $0 ?? [] }
        starts = bytesByID.reduce(into: [0]) { starts, bytes in
            starts.append(starts[starts.count - 1] + (bytes?.count ?? 0))
        }
        switch definition.spelling {
        case .byteLevel: try findBytes(at: place)
        case .text:
            for byte in UInt8.min...UInt8.max where definition.fallsBackToBytes {
                byteTokens[Int(byte)] = ids.value(of: TokenDecoding.token(of: byte)) ?? -1
            }
        }
    }

    private mutating func findBytes(at place: String) throws(TokenizationError) {
        for (byte, character) in ByteAlphabet.characters.enumerated() {
            byteTokens[byte] = ids.value(of: String(character)) ?? -1
        }
        // Rare bytes are missing from real vocabularies (SmolLM2's lacks 21, e.g. control
        // characters); one without a letter or the space is not byte-level at all.
        if let missing = (0x20...0x7E).first(where: { byteTokens[$0] < 0 }) {
            let character = ByteAlphabet.characters[missing]
            throw TokenizationError(
                "the vocabulary has no token '\(character)' for byte \(missing)", at: place,
                hint: "A byte-level BPE has one for each letter; the file is damaged")
        }
    }

    /// What a token decodes to by itself.
    private static func text(of token: String, _ definition: TokenizerDefinition) -> [UInt8] {
        let decoding = definition.decoding
        if decoding.isByteLevel { return ByteAlphabet.bytes(of: token) ?? Array(token.utf8) }
        if decoding.fallsBackToBytes, let byte = TokenDecoding.byte(of: token) { return [byte] }
        return decoding.replacements.reduce(Array(token.utf8)) { bytes, replacement in
            Normalizer.replace(replacement.from, with: replacement.to, in: bytes) ?? bytes
        }
    }

    private static func check(
        _ added: AddedToken, _ ids: ByteStringTable, isTaken: Bool, _ source: String
    ) throws(TokenizationError) {
        guard added.content.utf8.count <= AddedToken.maximumLengthBytes else {
            throw TokenizationError(
                "added token '\(added.content.excerpt())' has \(added.content.utf8.count) bytes; at "
                    + "most \(AddedToken.maximumLengthBytes) are supported",
                at: "\(source): added_tokens")
        }
        let known = ids.value(of: added.content)
        guard known == nil ? !isTaken : known == added.id else {
            let reason =
                known.map { "is token \($0) in the vocabulary" } ?? "belongs to another token"
            throw TokenizationError(
                "added token '\(added.content.excerpt())' has id \(added.id), which contradicts the "
                    + "vocabulary: it \(reason)", at: "\(source): added_tokens",
                hint: "The file is damaged: fetch it again")
        }
    }

    /// The bytes that token `id` stands for; none for an id that is not in use.
    func bytes(of id: Int32) -> ArraySlice<UInt8> {
        guard id >= 0, id < size else { return [] }
        return arena[starts[Int(id)]..<starts[Int(id) + 1]]
    }

    /// Whether token `id` is one such as `<0x0A>`, which stands for a byte.
    func isFallbackByte(_ id: Int32) -> Bool {
        id >= 0 && id < fallbackBytes.count && fallbackBytes[Int(id)]
    }

    func isSpecial(_ id: Int32) -> Bool { specials.contains(id) }
}
