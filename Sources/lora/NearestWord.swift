/// What somebody who wrote `word` may have meant.
///
/// - Returns: The word of `words` that is fewest changes away (a letter more, less or another, or two that
///   changed places), if those are at most two and fewer than half of its letters; otherwise `nil`.
func nearestWord(to word: String, among words: [String]) -> String? {
    let near = words.map { (word: $0, changes: changes(from: word, to: $0)) }
        .filter { $0.changes <= 2 && 2 * $0.changes < max($0.word.count, 2) }
    return near.min { $0.changes < $1.changes }?.word
}

/// The least number of changes that makes one word of the other.
private func changes(from one: String, to other: String) -> Int {
    let (one, other) = (Array(one.lowercased()), Array(other.lowercased()))
    var rows = [Array(0...other.count)]
    for i in 1..<(one.count + 1) {
        var row = [i]
        for j in 1..<(other.count + 1) {
            let isSame = one[i - 1] == other[j - 1]
            var least = min(
                rows[i - 1][j] + 1, row[j - 1] + 1, rows[i - 1][j - 1] + (isSame ? 0 : 1))
            if i > 1, j > 1, one[i - 1] == other[j - 2], one[i - 2] == other[j - 1] {
                least = min(least, rows[i - 2][j - 2] + 1)
            }
            row.append(least)
        }
        rows.append(row)
    }
    return rows[one.count][other.count]
}
