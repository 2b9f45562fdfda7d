import Training

/// What somebody who wrote `word` may have meant.
///
/// - Returns: The word of `words` that is fewest changes away (a letter more, less or another, or two that
///   changed places), if those are at most two and fewer than half of its letters; otherwise `nil`.
func nearestWord(to word: String, among words: [String]) -> String? {
    let typed = word.lowercased()
    let near = words.map { (word: $0, edits: edits(from: typed, to: $0.lowercased(), atMost: 2)) }
        .filter { $0.edits <= 2 && 2 * $0.edits < max($0.word.count, 2) }
    return near.min { $0.edits < $1.edits }?.word
}
