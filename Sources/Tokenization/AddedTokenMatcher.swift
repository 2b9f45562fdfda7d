/// Finds added tokens in text: from left to right, the longest one at each position.
///
/// The rules for white space and whole words are those of Hugging Face `tokenizers`
/// (`added_vocabulary.rs`, `find_matches`); a match that is no whole word is passed over as a whole.
struct AddedTokenMatcher: Sendable {
    enum Part {
        case text(Range<Int>)
        case token(Int32)
    }

    private struct Node {
        var children: [UInt8: Int] = [:]
        /// Index of the token that ends here.
        var token: Int?
    }

    private let tokens: [AddedToken]
    /// A trie over the bytes of the tokens; the root is first.
    private var nodes = [Node()]
    private var startsToken = [Bool](repeating: false, count: 256)

    init(tokens: [AddedToken]) {
        self.tokens = tokens
        for (index, token) in tokens.enumerated() {
            var node = 0
            for byte in token.content.utf8 {
                if let child = nodes[node].children[byte] {
                    node = child
                } else {
                    nodes.append(Node())
                    nodes[node].children[byte] = nodes.count - 1
                    node = nodes.count - 1
                }
            }
            guard node != 0 else { continue }
            nodes[node].token = index
            startsToken[Int(token.content.utf8.first ?? 0)] = true
        }
    }

    /// The tokens in `bytes[range]` and the text between them, in order.
    func parts(
        of bytes: [UInt8], _ range: Range<Int>, _ classes: CharacterClasses
    ) -> [Part] {
        guard nodes.count > 1 else { return [.text(range)] }
        var parts: [Part] = []
        var textStart = range.lowerBound
        var index = range.lowerBound
        while index < range.upperBound {
            guard startsToken[Int(bytes[index])],
                let (token, end) = longestMatch(in: bytes, from: index, upTo: range.upperBound)
            else {
                index += 1
                continue
            }
            defer { index = end }
            if token.isSingleWord, touchesWord(index..<end, in: bytes, range, classes) { continue }
            var start = index
            if token.stripsLeft {
                while start > textStart {
                    let character = classes.character(in: bytes, before: start)
                    guard character.isAny(of: .space) else { break }
                    start -= character.length
                }
            }
            if textStart < start { parts.append(.text(textStart..<start)) }
            parts.append(.token(token.id))
            textStart =
                token.stripsRight
                ? classes.endOfRun(of: .space, in: bytes, from: end, upTo: range.upperBound) : end
        }
        if textStart < range.upperBound { parts.append(.text(textStart..<range.upperBound)) }
        return parts
    }

    private func longestMatch(
        in bytes: [UInt8], from start: Int, upTo limit: Int
    ) -> (AddedToken, end: Int)? {
        var longest: (AddedToken, end: Int)?
        var node = 0
        var index = start
        while index < limit, let child = nodes[node].children[bytes[index]] {
            node = child
            index += 1
            if let token = nodes[node].token { longest = (tokens[token], index) }
        }
        return longest
    }

    private func touchesWord(
        _ match: Range<Int>, in bytes: [UInt8], _ range: Range<Int>, _ classes: CharacterClasses
    ) -> Bool {
        let wordBefore =
            match.lowerBound > range.lowerBound
            && classes.character(in: bytes, before: match.lowerBound).isAny(of: .word)
        let wordAfter =
            match.upperBound < range.upperBound
            && classes.character(in: bytes, at: match.upperBound).isAny(of: .word)
        return wordBefore || wordAfter
    }
}
