/// Merges the tokens of one word: the pair of lowest rank first, of equal ones the leftmost.
///
/// A heap of candidate pairs keeps a word of n bytes at O(n log n); hostile text has words of
/// megabytes. Kept between words so that nothing is allocated for each.
/// Source: Sennrich et al. 2016, arXiv:1508.07909, algorithm 1.
struct PairMerger: Sendable {
    private var tokens: [Int32] = []
    /// Position of the next token that is left; `tokens.count` after the last.
    private var next: [Int32] = []
    private var previous: [Int32] = []
    private var candidates = MinimumHeap()

    /// Appends what `word` becomes to `output`.
    mutating func merge(_ word: [Int32], by merges: PairMerges, into output: inout [Int32]) {
        guard word.count > 1 else { return output += word }
        start(word, merges)
        while let candidate = candidates.popMinimum() {
            let (rank, left) = (Int32(candidate >> 32), Int(candidate & 0xFFFF_FFFF))
            let right = Int(next[left])
            // Candidates are not taken back when a neighbour is merged away: look again. What
            // counts is the token made, as in Hugging Face tokenizers: "a" and "aa" may become it
            // by another rank than "aa" and "a".
            let result = merges.result(ofRank: rank)
            guard tokens[left] >= 0, right < tokens.count,
                merges.merge(tokens[left], tokens[right])?.result == result
            else { continue }
            tokens[left] = result
            tokens[right] = -1
            next[left] = next[right]
            if next[right] < tokens.count { previous[Int(next[right])] = Int32(left) }
            if previous[left] >= 0 { addCandidate(at: Int(previous[left]), merges) }
            addCandidate(at: left, merges)
        }
        output += tokens.lazy.filter { $0 >= 0 }
    }

    private mutating func start(_ word: [Int32], _ merges: PairMerges) {
        tokens.removeAll(keepingCapacity: true)
        next.removeAll(keepingCapacity: true)
        previous.removeAll(keepingCapacity: true)
        tokens += word
        for index in 0..<Int32(word.count) {
            next.append(index + 1)
            previous.append(index - 1)
        }
        for index in word.indices { addCandidate(at: index, merges) }
    }

    private mutating func addCandidate(at left: Int, _ merges: PairMerges) {
        let right = Int(next[left])
        guard right < tokens.count, let merge = merges.merge(tokens[left], tokens[right]) else {
            return
        }
        candidates.push(UInt64(merge.rank) << 32 | UInt64(left))
    }
}

/// A binary heap with the smallest value on top.
struct MinimumHeap: Sendable {
    private var values: [UInt64] = []

    mutating func push(_ value: UInt64) {
        var index = values.count
        values.append(value)
        while index > 0 {
            let parent = (index - 1) / 2
            guard values[parent] > value else { break }
            values[index] = values[parent]
            index = parent
        }
        values[index] = value
    }

    mutating func popMinimum() -> UInt64? {
        guard let minimum = values.first, let last = values.popLast() else { return nil }
        guard !values.isEmpty else { return minimum }
        var index = 0
        while 2 * index + 1 < values.count {
            var child = 2 * index + 1
            if child + 1 < values.count, values[child + 1] < values[child] { child += 1 }
            guard values[child] < last else { break }
            values[index] = values[child]
            index = child
        }
        values[index] = last
        return minimum
    }
}
