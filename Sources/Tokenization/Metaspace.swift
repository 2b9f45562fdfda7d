/// `▁`, which stands for the space in vocabularies of SentencePiece.
///
/// Source: Hugging Face `tokenizers`, `pre_tokenizers/metaspace.rs`.
enum Metaspace {
    /// Which pieces of a text get a `▁` in front, unless they begin with one.
    enum Prefix: String, Sendable {
        case always
        case first
        case never
    }

    /// U+2581 in UTF-8.
    static let bytes: [UInt8] = [0xE2, 0x96, 0x81]
    static let scalar: UInt32 = 0x2581

    static func stands(at index: Int, in text: [UInt8], upTo end: Int) -> Bool {
        index + 2 < end && text[index] == 0xE2 && text[index + 1] == 0x96 && text[index + 2] == 0x81
    }

    /// `text[range]` with `▁` for each space.
    static func replaced(
        _ text: [UInt8], _ range: Range<Int>, _ prefix: Prefix, _ place: PreTokenizer.Place
    ) -> [UInt8] {
        let piece = Array(text[range])
        let result = Normalizer.replace([0x20], with: bytes, in: piece) ?? piece
        let isPrefixed =
            place != .continued && (prefix == .always || prefix == .first && place == .first)
        return isPrefixed && !stands(at: 0, in: result, upTo: result.count)
            ? bytes + result : result
    }

    /// Pieces that begin with each `▁`.
    static func pieces(of text: [UInt8]) -> [Range<Int>] {
        var pieces: [Range<Int>] = []
        var start = 0
        for index in text.indices.dropFirst() where stands(at: index, in: text, upTo: text.count) {
            pieces.append(start..<index)
            start = index
        }
        return pieces + [start..<text.count]
    }

    /// The next `▁` behind a character that is neither one itself nor among `exceptions`.
    static func nextWord(
        in text: [UInt8], from start: Int, upTo end: Int, after exceptions: Set<UInt32>
    ) -> Int? {
        var index = start + 1
        while index < end {
            guard text[index] == 0xE2, stands(at: index, in: text, upTo: end) else {
                index += 1
                continue
            }
            let isAfterAnother = index < start + 3 || !stands(at: index - 3, in: text, upTo: end)
            if isAfterAnother,
                exceptions.isEmpty
                    || !exceptions.contains(
                        CharacterClasses.shared.character(in: text, before: index).value)
            {
                return index
            }
            index += 3
        }
        return nil
    }

    /// Where text may be cut into words that no merge could join again.
    ///
    /// A merge across the place before a `▁` makes a token in which a `▁` stands behind another
    /// character. Characters for which there is such a token are exceptions; behind all others,
    /// cutting changes nothing but time, as short words are found in the cache.
    ///
    /// - Returns: `nil` where nothing can be said: no `▁` in the vocabulary.
    static func wordStage(for tokens: [(token: String, id: Int)]) -> PreTokenizer.Stage? {
        var exceptions: Set<UInt32> = []
        var isKnown = false
        for (token, _) in tokens {
            var previous: UInt32 = scalar
            for character in token.unicodeScalars {
                if character.value == scalar, previous != scalar { exceptions.insert(previous) }
                previous = character.value
            }
            if token.utf8.elementsEqual(bytes) { isKnown = true }
        }
        return isKnown ? .metaspaceWords(after: exceptions) : nil
    }
}
