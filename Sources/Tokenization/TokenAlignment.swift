extension Tokenizer {
    /// Where the tokens of a text lie in it: one range of bytes of `text` for each of `tokens`.
    ///
    /// A token that is not spelled in the text (the space that SentencePiece puts before it) has an
    /// empty range; one that begins or ends inside a character has the bytes that are its own.
    /// Spaces that belong to no token (those which an added token swallows) lie between ranges.
    /// Where the normalizer changes the text, ranges are those of the characters as they were.
    ///
    /// - Parameter tokens: What ``encode(_:)`` made of `text`.
    /// - Returns: `nil` if a token cannot be found again: an unknown one, or a text whose normalizer
    ///   rewrites more than characters.
    /// - Complexity: O(n) for n bytes.
    public func ranges(of tokens: [Int32], in text: String) -> [Range<Int>]? {
        // Marks for spaces are taken back as decoding does.
        let spelling = Normalizer(
            stages: normalizer.withoutMarks.stages
                + vocabulary.decoding.replacements.map { .replace($0.from, with: $0.to) })
        var alignment = TokenAlignment(text, spelling, vocabulary)
        var ranges: [Range<Int>] = []
        ranges.reserveCapacity(tokens.count)
        for token in tokens {
            guard let range = alignment.next(vocabulary.bytes(of: token)) else { return nil }
            ranges.append(range)
        }
        return alignment.isAtEnd ? ranges : nil
    }
}

/// Reads tokens along the text that they were made of.
struct TokenAlignment {
    /// As the tokens spell it.
    private let text: [UInt8]
    /// By byte of `text`, and for its end: where that stands in the original; `nil` where nothing
    /// was changed.
    private let origins: [Int]?
    private let vocabulary: Vocabulary
    private var position = 0

    init(_ original: String, _ normalizer: Normalizer, _ vocabulary: Vocabulary) {
        self.vocabulary = vocabulary
        let bytes = Array(original.utf8)
        guard normalizer.normalized(bytes, 0..<bytes.count) != nil else {
            (text, origins) = (bytes, nil)
            return
        }
        // Normal forms join nothing across the borders of what people see as characters.
        var (changed, origins): ([UInt8], [Int]) = ([], [])
        var start = 0
        for character in original {
            let own = Array(character.utf8)
            let new = normalizer.normalized(own, 0..<own.count) ?? own
            changed += new
            // The first byte stands for the beginning, all others for the end.
            origins.append(contentsOf: new.indices.map { $0 == 0 ? start : start + own.count })
            start += own.count
        }
        (text, self.origins) = (changed, origins + [start])
    }

    /// The range of the next token, which decodes to `bytes`; `nil` if it is not there.
    mutating func next(_ bytes: ArraySlice<UInt8>) -> Range<Int>? {
        let space = UInt8(ascii: " ")
        while true {
            if text[position...].starts(with: bytes) { return advance(by: bytes.count) }
            if bytes.first == space, text[position...].starts(with: bytes.dropFirst()) {
                return advance(by: bytes.count - 1)
            }
            guard position < text.count, isSilent(text[position]) else { return nil }
            position += 1
        }
    }

    /// Whether nothing is left that must belong to a token.
    var isAtEnd: Bool { text[position...].allSatisfy(isSilent) }

    /// Whether a byte may belong to no token: a space that an added token swallows, or one that a
    /// byte-level vocabulary has no token for (SmolLM2's lacks 21 control characters).
    private func isSilent(_ byte: UInt8) -> Bool {
        if byte == 0x20 || (0x09...0x0D).contains(byte) { return true }
        return vocabulary.decoding.isByteLevel && vocabulary.byteTokens[Int(byte)] < 0
    }

    private mutating func advance(by count: Int) -> Range<Int> {
        let range = position..<position + count
        position += count
        guard let origins else { return range }
        return origins[range.lowerBound]..<origins[range.upperBound]
    }
}

extension Normalizer {
    /// Without the stages that only write spaces as marks, which decoding takes back.
    fileprivate var withoutMarks: Normalizer {
        Normalizer(
            stages: stages.filter { stage in
                switch stage {
                case .prepend(let prefix): prefix != Metaspace.bytes
                case .replace(_, let replacement): replacement != Metaspace.bytes
                case .form, .lowercase: true
                }
            })
    }
}
