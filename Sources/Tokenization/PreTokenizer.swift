/// How text is cut into words before pairs are merged inside each: stages, each cutting the
/// pieces of the one before.
struct PreTokenizer: Sendable {
    enum Stage: Sendable {
        /// Every number character is a piece of its own.
        case digits
        /// Every match is a piece of its own.
        case pattern(SplitPattern)
        case split(Separator, Separator.Behavior, isInverted: Bool)
        /// A piece that does not begin with a space gets one.
        case prefixSpace
        /// Bytes become the characters that stand for them (``ByteAlphabet``).
        case alphabet
        /// Spaces become `▁`, before which the text may be cut; some pieces get one in front.
        case metaspace(Metaspace.Prefix, splits: Bool)
        /// Cut before each `▁` after another character, but for these characters.
        case metaspaceWords(after: Set<UInt32>)
    }

    var stages: [Stage]

    /// Where a piece stands, which decides whether a blank is put before it.
    enum Place: Sendable {
        case first
        /// First of a text that goes on from another one: never gets a blank.
        case continued
        case later
    }

    static let gpt2 = PreTokenizer(stages: [.pattern(.gpt2)])

    /// Calls `body` with each word of `bytes[range]`, in order.
    ///
    /// The bytes that `body` gets are not always `bytes`: a stage may have added some.
    ///
    /// - Parameter place: Where the piece stands in its text.
    /// - Precondition: `bytes[range]` is valid UTF-8.
    /// - Throws: ``TokenizationError`` if an expression gives up.
    func forEachWord(
        in bytes: [UInt8], _ range: Range<Int>, _ place: Place, _ scratch: ExpressionScratch,
        _ body: ([UInt8], Range<Int>) -> Void
    ) throws(TokenizationError) {
        try apply(0, to: bytes, range, place, scratch, body)
    }

    private func apply(
        _ index: Int, to bytes: [UInt8], _ range: Range<Int>, _ place: Place,
        _ scratch: ExpressionScratch, _ body: ([UInt8], Range<Int>) -> Void
    ) throws(TokenizationError) {
        guard !range.isEmpty else { return }
        guard index < stages.count else { return body(bytes, range) }
        let classes = CharacterClasses.shared
        func pass(_ piece: Range<Int>) throws(TokenizationError) {
            try apply(
                index + 1, to: bytes, piece,
                piece.lowerBound == range.lowerBound ? place : .later, scratch, body)
        }
        func pass(changed: [UInt8]) throws(TokenizationError) {
            try apply(index + 1, to: changed, 0..<changed.count, place, scratch, body)
        }
        var start = range.lowerBound
        switch stages[index] {
        case .pattern(let pattern):
            while start < range.upperBound {
                let end = pattern.endOfMatch(
                    in: bytes, from: start, upTo: range.upperBound, classes)
                try pass(start..<end)
                start = end
            }
        case .digits:
            while start < range.upperBound {
                let first = classes.character(in: bytes, at: start)
                let end =
                    first.isAny(of: .digit)
                    ? start + first.length
                    : classes.endOfRun(
                        outside: .digit, in: bytes, from: start, upTo: range.upperBound)
                try pass(start..<end)
                start = end
            }
        case .split(let separator, let behavior, let isInverted):
            let pieces = try separator.pieces(
                of: bytes, range, behavior, isInverted: isInverted, scratch)
            for piece in pieces { try pass(piece) }
        case .prefixSpace:
            let space = UInt8(ascii: " ")
            try bytes[start] == space || place == .continued
                ? pass(range) : pass(changed: [space] + bytes[range])
        case .alphabet:
            try pass(changed: ByteAlphabet.spelled(bytes[range]))
        case .metaspace(let prefix, let splits):
            let changed = Metaspace.replaced(bytes, range, prefix, place)
            let pieces = splits ? Metaspace.pieces(of: changed) : [0..<changed.count]
            for piece in pieces {
                try apply(
                    index + 1, to: changed, piece, piece.lowerBound == 0 ? place : .later, scratch,
                    body)
            }
        case .metaspaceWords(let exceptions):
            var from = start
            while let next = Metaspace.nextWord(
                in: bytes, from: from, upTo: range.upperBound, after: exceptions)
            {
                try pass(start..<next)
                start = next
                from = next
            }
            try pass(start..<range.upperBound)
        }
    }
}
