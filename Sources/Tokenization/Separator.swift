/// What the `Split`, `Digits` and `Punctuation` pre-tokenizers look for in a text.
enum Separator: Sendable {
    case expression(SplitExpression)
    case literal([UInt8])
    /// Each character with any of these classes.
    case characters(CharacterClasses.Flags)

    /// What becomes of the matches; names as in `tokenizer.json`.
    enum Behavior: String, Sendable {
        case removed = "Removed"
        case isolated = "Isolated"
        case mergedWithPrevious = "MergedWithPrevious"
        case mergedWithNext = "MergedWithNext"
        case contiguous = "Contiguous"
    }

    private typealias Part = (range: Range<Int>, isMatch: Bool)

    /// The pieces of `bytes[range]`, in order; some may be empty.
    ///
    /// Source: Hugging Face `tokenizers`, `tokenizer/normalizer.rs`, `split`.
    func pieces(
        of bytes: [UInt8], _ range: Range<Int>, _ behavior: Behavior, isInverted: Bool,
        _ scratch: ExpressionScratch
    ) throws(TokenizationError) -> [Range<Int>] {
        var parts: [Part] = []
        var end = range.lowerBound
        for match in try matches(in: bytes, range, scratch) {
            if end < match.lowerBound { parts.append((end..<match.lowerBound, isInverted)) }
            parts.append((match, !isInverted))
            end = match.upperBound
        }
        if end < range.upperBound { parts.append((end..<range.upperBound, isInverted)) }
        switch behavior {
        case .isolated: return parts.map(\.range)
        case .removed: return parts.filter { !$0.isMatch }.map(\.range)
        case .contiguous:
            return Self.joined(parts) { $0.isMatch == $1.isMatch }
        case .mergedWithPrevious:
            return Self.joined(parts) { $1.isMatch && !$0.isMatch }
        case .mergedWithNext:
            return Self.joined(parts) { $0.isMatch && !$1.isMatch }
        }
    }

    /// Joins neighbours for which `belong` holds.
    private static func joined(
        _ parts: [Part], _ belong: (_ left: Part, _ right: Part) -> Bool
    ) -> [Range<Int>] {
        var pieces: [Range<Int>] = []
        for (index, part) in parts.enumerated() {
            if let last = pieces.last, belong(parts[index - 1], part) {
                pieces[pieces.count - 1] = last.lowerBound..<part.range.upperBound
            } else {
                pieces.append(part.range)
            }
        }
        return pieces
    }

    private func matches(
        in bytes: [UInt8], _ range: Range<Int>, _ scratch: ExpressionScratch
    ) throws(TokenizationError) -> [Range<Int>] {
        switch self {
        case .expression(let expression):
            return try Self.matches(of: expression, in: bytes, range, scratch)
        case .literal(let text):
            var matches: [Range<Int>] = []
            var index = range.lowerBound
            while index + text.count <= range.upperBound {
                if bytes[index..<(index + text.count)].elementsEqual(text) {
                    matches.append(index..<(index + text.count))
                    index += text.count
                } else {
                    index += 1
                }
            }
            return matches
        case .characters(let flags):
            var matches: [Range<Int>] = []
            var index = range.lowerBound
            while index < range.upperBound {
                let character = CharacterClasses.shared.character(in: bytes, at: index)
                if character.isAny(of: flags) {
                    matches.append(index..<(index + character.length))
                }
                index += character.length
            }
            return matches
        }
    }

    /// Matches from left to right; an empty one does not count right behind another.
    private static func matches(
        of expression: SplitExpression, in bytes: [UInt8], _ range: Range<Int>,
        _ scratch: ExpressionScratch
    ) throws(TokenizationError) -> [Range<Int>] {
        var matches: [Range<Int>] = []
        var failure: TokenizationError?
        bytes.withUnsafeBufferPointer { buffer in
            let text = UnsafeBufferPointer(rebasing: buffer[range])
            var start = 0
            var lastEnd = -1
            do throws(TokenizationError) {
                while start <= text.count,
                    let match = try scratch.match(expression, in: text, from: start)
                {
                    start = match.upperBound
                    if match.isEmpty {
                        start += 1
                        while start < text.count, text[start] & 0xC0 == 0x80 { start += 1 }
                        if match.upperBound == lastEnd { continue }
                    }
                    lastEnd = match.upperBound
                    matches.append(
                        (match.lowerBound + range.lowerBound)..<(lastEnd + range.lowerBound))
                }
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return matches
    }
}
