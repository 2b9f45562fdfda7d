/// The tokens of a vocabulary with scores, by their text.
struct TokenScores: Sendable {
    let ids: ByteStringTable
    /// By id: the token that is made first has the smallest.
    private let priorities: [UInt32]

    /// - Throws: ``TokenizationError`` if there is not one number for each token.
    init(_ scores: [Float], _ vocabulary: Vocabulary, at place: String) throws(TokenizationError) {
        guard scores.count >= vocabulary.size, !scores.contains(where: \.isNaN) else {
            throw TokenizationError(
                "must hold a number for each of the \(vocabulary.size) tokens", at: place)
        }
        ids = vocabulary.ids
        // The bits of floats, as integers of the same order; turned round.
        priorities = scores.map { score in
            let bits = (score == 0 ? 0 : score).bitPattern
            return bits >> 31 == 1 ? bits : ~(bits | 0x8000_0000)
        }
    }

    func priority(_ bytes: [UInt8], _ range: Range<Int>) -> UInt32? {
        ids.value(of: bytes, range).map { priorities[Int($0)] }
    }
}

/// Merges the characters of one word by the scores of the tokens that they make: the token of
/// highest score first, of equal ones the leftmost.
///
/// Source: llama.cpp `llama-vocab.cpp`, `llm_tokenizer_spm_session`; Kudo & Richardson 2018,
/// arXiv:1808.06226.
struct ScoreMerger: Sendable {
    /// Where each symbol that is left starts, by the index of its first character.
    private var starts: [Int32] = []
    /// The end of each symbol; equal to its start once it has been merged away.
    private var ends: [Int32] = []
    private var next: [Int32] = []
    private var previous: [Int32] = []
    private var candidates = MinimumHeap()

    /// Calls `body` with each piece of `bytes[word]` that is left, in order.
    mutating func merge(
        _ bytes: [UInt8], _ word: Range<Int>, by scores: TokenScores, _ body: (Range<Int>) -> Void
    ) {
        start(bytes, word)
        for index in starts.indices { addCandidate(at: index, bytes, scores) }
        while let candidate = candidates.popMinimum() {
            let (priority, left) = (UInt32(candidate >> 32), Int(candidate & 0xFFFF_FFFF))
            let right = Int(next[left])
            // Candidates are not taken back: one is out of date if its pair has another score.
            guard starts[left] < ends[left], right < starts.count,
                scores.priority(bytes, Int(starts[left])..<Int(ends[right])) == priority
            else { continue }
            ends[left] = ends[right]
            ends[right] = starts[right]
            next[left] = next[right]
            if next[right] < starts.count { previous[Int(next[right])] = Int32(left) }
            if previous[left] >= 0 { addCandidate(at: Int(previous[left]), bytes, scores) }
            addCandidate(at: left, bytes, scores)
        }
        for index in starts.indices where starts[index] < ends[index] {
            body(Int(starts[index])..<Int(ends[index]))
        }
    }

    private mutating func start(_ bytes: [UInt8], _ word: Range<Int>) {
        starts.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
        next.removeAll(keepingCapacity: true)
        previous.removeAll(keepingCapacity: true)
        for index in word where bytes[index] & 0xC0 != 0x80 {
            if !starts.isEmpty { ends.append(Int32(index)) }
            previous.append(Int32(starts.count) - 1)
            starts.append(Int32(index))
            next.append(Int32(starts.count))
        }
        ends.append(Int32(word.upperBound))
    }

    private mutating func addCandidate(at left: Int, _ bytes: [UInt8], _ scores: TokenScores) {
        let right = Int(next[left])
        guard right < starts.count,
            let priority = scores.priority(bytes, Int(starts[left])..<Int(ends[right]))
        else { return }
        candidates.push(UInt64(priority) << 32 | UInt64(left))
    }
}
