/// Where the contents of messages stand in the text of a conversation.
///
/// The conversation is rendered once more with a mark in the place of each content. What lies between
/// the marks is the template's; if it and the contents, in turn, make up the real text, then that
/// says where each of them is.
struct ContentPlaces {
    /// Byte ranges in the real text, by the message's index.
    let ranges: [Int: Range<Int>]

    /// Characters for private use, which no text has.
    private static let begin = "\u{F8A7E}\u{FAB21}"
    private static let end = "\u{F8A7E}"

    /// What stands for the content of message `index`.
    static func mark(_ index: Int) -> String { begin + "\(index)" + end }

    /// - Parameters:
    ///   - text: The real text.
    ///   - marked: The text with marks.
    ///   - contents: By the message's index.
    /// - Returns: `nil` if the template does more with the contents than to write them, with the
    ///   blanks around them or without.
    init?(in text: [UInt8], marked: [UInt8], contents: [Int: String]) {
        let pieces = Self.pieces(of: marked)
        guard let first = pieces.first, text.starts(with: first.literal) else { return nil }
        var ranges: [Int: Range<Int>] = [:]
        var position = first.literal.count
        for piece in pieces.dropFirst() {
            guard let index = piece.index, let content = contents[index] else { return nil }
            let forms = [content, content.trimmed, content.trimmedRight, content.trimmedLeft]
            let found = forms.first { form in
                let rest = text[position...]
                guard rest.starts(with: form.utf8) else { return false }
                let behind = rest.dropFirst(form.utf8.count)
                return piece.isLast
                    ? behind.elementsEqual(piece.literal) : behind.starts(with: piece.literal)
            }
            guard let found else { return nil }
            if ranges[index] == nil { ranges[index] = position..<(position + found.utf8.count) }
            position += found.utf8.count + piece.literal.count
        }
        guard position == text.count else { return nil }
        self.ranges = ranges
    }

    /// Messages as their marks come in a text.
    static func order(in marked: [UInt8]) -> [Int] { pieces(of: marked).compactMap(\.index) }

    private struct Piece {
        /// Of the message whose mark stands before the literal; `nil` for the first.
        var index: Int?
        var literal: ArraySlice<UInt8>
        var isLast = false
    }

    /// The template's own text between the marks.
    private static func pieces(of marked: [UInt8]) -> [Piece] {
        let (begin, end) = (Array(begin.utf8), Array(end.utf8))
        var pieces = [Piece(literal: marked[...])]
        var start = 0
        var offset = 0
        while offset + begin.count <= marked.count {
            guard marked[offset] == begin[0], marked[offset...].starts(with: begin) else {
                offset += 1
                continue
            }
            let digits = marked[(offset + begin.count)...].prefix { (0x30...0x39).contains($0) }
            let behind = digits.endIndex
            guard marked[behind...].starts(with: end) else { return pieces }
            pieces[pieces.count - 1].literal = marked[start..<offset]
            start = behind + end.count
            offset = start
            pieces.append(
                Piece(
                    index: Int(String(decoding: digits, as: UTF8.self)), literal: marked[start...])
            )
        }
        pieces[pieces.count - 1].isLast = true
        return pieces
    }
}

extension String {
    /// Without the blanks around it that Python strips.
    var trimmed: String { stripped(\.isPythonSpace) }
    fileprivate var trimmedLeft: String { stripped(right: false, \.isPythonSpace) }
    fileprivate var trimmedRight: String { stripped(left: false, \.isPythonSpace) }
}
