import Words

/// The merges of a byte-pair encoding: which neighbours become one token, and in what order.
struct PairMerges: Sendable {
    /// A pair, its position in the list of merges, and the token that it becomes.
    private struct Entry {
        /// Both ids; ``free`` where there is none.
        var pair: UInt64
        var rank: Int32
        var result: Int32
    }

    /// What two neighbours become, and when: the lowest rank first.
    struct Merge {
        var rank: Int32
        var result: Int32
    }

    /// No pair of ids, which are not negative.
    private static let free = UInt64.max

    /// Open addressing with linear probing; the count is a power of two, at most half in use.
    private var slots: [Entry]
    /// The token that the merge of each rank makes.
    private var results: [Int32] = []
    /// Keeps a file from choosing pairs that all want one slot.
    private let seed = UInt64.random(in: .min ... .max) | 1

    /// - Throws: ``TokenizationError`` if there are no merges, or one whose parts or result are
    ///   not in the vocabulary.
    init(_ definition: TokenizerDefinition, _ vocabulary: Vocabulary) throws(TokenizationError) {
        let place = "\(definition.source): \(definition.mergesName)"
        guard !definition.merges.isEmpty else {
            throw TokenizationError(
                "the tokenizer has no merges", at: place,
                hint: "BPE needs them; take the complete tokenizer of the model")
        }
        var count = 64
        while count < 2 * definition.merges.count { count *= 2 }
        slots = Array(repeating: Entry(pair: Self.free, rank: -1, result: -1), count: count)
        results.reserveCapacity(definition.merges.count)
        for (rank, merge) in definition.merges.enumerated() {
            guard let left = vocabulary.ids.value(of: merge.left),
                let right = vocabulary.ids.value(of: merge.right),
                let result = vocabulary.ids.value(of: merge.left + merge.right)
            else {
                throw TokenizationError(
                    "merge \(rank) ('\(String(merge.left).excerpt())' and "
                        + "'\(String(merge.right).excerpt())') uses or makes a token that is not in "
                        + "the vocabulary", at: place,
                    hint: "Vocabulary and merges must come from the same tokenizer")
            }
            // Of a pair listed twice the later rank holds, as in Hugging Face tokenizers.
            let pair = Self.pair(left, right)
            slots[slot(of: pair)] = Entry(pair: pair, rank: Int32(rank), result: result)
            results.append(result)
        }
    }

    @inline(__always)
    func merge(_ left: Int32, _ right: Int32) -> Merge? {
        let entry = slots[slot(of: Self.pair(left, right))]
        return entry.pair == Self.free ? nil : Merge(rank: entry.rank, result: entry.result)
    }

    @inline(__always)
    func result(ofRank rank: Int32) -> Int32 { results[Int(rank)] }

    @inline(__always)
    private static func pair(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }

    /// The slot that holds the pair, or the free one where it belongs.
    @inline(__always)
    private func slot(of pair: UInt64) -> Int {
        let mixed = (pair ^ seed).multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
        var slot = Int(truncatingIfNeeded: mixed.high ^ mixed.low) & (slots.count - 1)
        while slots[slot].pair != pair, slots[slot].pair != Self.free {
            slot = (slot + 1) & (slots.count - 1)
        }
        return slot
    }
}
