/// The least number of letters that are put in, left out, changed, or swapped with the next one to make
/// one word of the other.
///
/// - Parameter most: Words whose lengths differ by more are not compared.
/// - Returns: What is more than `most` may be less than the least number.
public func edits(from first: String, to second: String, atMost most: Int) -> Int {
    let (first, second) = (Array(first), Array(second))
    guard abs(first.count - second.count) <= most else { return most + 1 }
    var before = [Int](repeating: 0, count: second.count + 1)
    var last = Array(0...second.count)
    for row in 1..<(first.count + 1) {
        var line = [row] + [Int](repeating: 0, count: second.count)
        for column in 1..<(second.count + 1) {
            let isSame = first[row - 1] == second[column - 1]
            line[column] = min(
                last[column] + 1, line[column - 1] + 1, last[column - 1] + (isSame ? 0 : 1))
            if row > 1, column > 1, first[row - 1] == second[column - 2],
                first[row - 2] == second[column - 1]
            {
                line[column] = min(line[column], before[column - 2] + 1)
            }
        }
        (before, last) = (last, line)
    }
    return last[second.count]
}

/// What somebody who wrote `word` may have meant.
///
/// - Returns: The word of `words` that is fewest changes away (a letter more, less or another, or two that
///   changed places), if those are at most two and fewer than half of its letters; otherwise `nil`.
public func nearestWord(to word: String, among words: [String]) -> String? {
    let typed = word.lowercased()
    let near = words.map { (word: $0, edits: edits(from: typed, to: $0.lowercased(), atMost: 2)) }
        .filter { $0.edits <= 2 && 2 * $0.edits < max($0.word.count, 2) }
    return near.min { $0.edits < $1.edits }?.word
}
