/// The merges of a byte-pair encoding: which neighbours become one token, and in what order.
struct PairMerges: Sendable {
    /// Position in the list of merges by pair; the lowest is merged first.
    private var ranks: [UInt64: Int32]
    /// The token that the merge of each rank makes.
    private var results: [Int32]

    /// - Throws: ``TokenizationError`` if there are no merges, or one whose parts or result are
    ///   not in the vocabulary.
    init(_ definition: TokenizerDefinition, _ vocabulary: Vocabulary) throws(TokenizationError) {
        let place = "\(definition.source): \(definition.mergesName)"
        guard !definition.merges.isEmpty else {
            throw TokenizationError(
                "the tokenizer has no merges", at: place,
                hint: "Byte-level BPE needs them; take the complete tokenizer of the model")
        }
        ranks = Dictionary(minimumCapacity: definition.merges.count)
        results = []
        results.reserveCapacity(definition.merges.count)
        for (rank, merge) in definition.merges.enumerated() {
            guard let left = vocabulary.ids.value(of: merge.left),
                let right = vocabulary.ids.value(of: merge.right),
                let result = vocabulary.ids.value(of: merge.left + merge.right)
            else {
                throw TokenizationError(
                    "merge \(rank) ('\(String(merge.left).excerpt)' and "
                        + "'\(String(merge.right).excerpt)') uses or makes a token that is not in "
                        + "the vocabulary", at: place,
                    hint: "Vocabulary and merges must come from the same tokenizer")
            }
            // Of a pair listed twice the later rank holds, as in Hugging Face tokenizers.
            ranks[Self.key(left, right)] = Int32(rank)
            results.append(result)
        }
    }

    @inline(__always)
    func rank(_ left: Int32, _ right: Int32) -> Int32? { ranks[Self.key(left, right)] }

    @inline(__always)
    func result(ofRank rank: Int32) -> Int32 { results[Int(rank)] }

    @inline(__always)
    private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }
}
