/// How text is cut into words before pairs are merged inside each: stages, each cutting the
/// pieces of the one before.
struct PreTokenizer: Sendable, Equatable {
    enum Stage: Sendable, Equatable {
        /// Every number character (`\p{N}`) is a piece of its own.
        case digits
        /// Every match is a piece of its own.
        case pattern(SplitPattern)
        /// A piece that does not begin with a space gets one.
        case prefixSpace
    }

    var stages: [Stage]

    static let gpt2 = PreTokenizer(stages: [.pattern(.gpt2)])
    static let llama3 = PreTokenizer(stages: [.pattern(.llama3)])
    static let smolLM = PreTokenizer(stages: [.digits, .pattern(.gpt2)])

    /// Calls `body` with each word of `bytes[range]`, in order.
    ///
    /// The bytes that `body` gets are not always `bytes`: a stage may have added some.
    ///
    /// - Precondition: `bytes[range]` is valid UTF-8.
    func forEachWord(
        in bytes: [UInt8], _ range: Range<Int>, _ classes: CharacterClasses,
        _ body: ([UInt8], Range<Int>) -> Void
    ) {
        apply(0, to: bytes, range, classes, body)
    }

    private func apply(
        _ index: Int, to bytes: [UInt8], _ range: Range<Int>, _ classes: CharacterClasses,
        _ body: ([UInt8], Range<Int>) -> Void
    ) {
        guard !range.isEmpty else { return }
        guard index < stages.count else { return body(bytes, range) }
        switch stages[index] {
        case .pattern(let pattern):
            var start = range.lowerBound
            while start < range.upperBound {
                let end = pattern.endOfMatch(
                    in: bytes, from: start, upTo: range.upperBound, classes)
                apply(index + 1, to: bytes, start..<end, classes, body)
                start = end
            }
        case .digits:
            var start = range.lowerBound
            while start < range.upperBound {
                let first = classes.character(in: bytes, at: start)
                let end =
                    first.isAny(of: .number)
                    ? start + first.length
                    : classes.endOfRun(
                        outside: .number, in: bytes, from: start, upTo: range.upperBound)
                apply(index + 1, to: bytes, start..<end, classes, body)
                start = end
            }
        case .prefixSpace:
            let space = UInt8(ascii: " ")
            guard bytes[range.lowerBound] != space else {
                return apply(index + 1, to: bytes, range, classes, body)
            }
            let prefixed = [space] + bytes[range]
            apply(index + 1, to: prefixed, 0..<prefixed.count, classes, body)
        }
    }
}
