/// Tokenized samples, flat: tokens of all samples one after the other.
///
/// A sample is a token sequence and, for each token, whether it is a target, i.e. whether the loss
/// counts how well it was predicted. The first token of a sample is never a target.
public struct Samples: Sendable, Equatable {
    public private(set) var tokens: [Int32] = []
    public private(set) var isTarget: [Bool] = []
    /// Sample `i` is `starts[i] ..< starts[i + 1]`.
    public private(set) var starts: [Int] = [0]

    public init() {}

    public var count: Int { starts.count - 1 }

    /// Adds a sample; a target mark on the first token is dropped, as nothing predicts it.
    ///
    /// - Precondition: `tokens.count == isTarget.count`.
    public mutating func append(tokens newTokens: [Int32], isTarget newMarks: [Bool]) {
        precondition(newTokens.count == newMarks.count, "one mark a token")
        let start = tokens.count
        tokens += newTokens
        isTarget += newMarks
        if !newTokens.isEmpty { isTarget[start] = false }
        starts.append(tokens.count)
    }

    /// Where sample `index` lies in `tokens` and `isTarget`.
    public func range(_ index: Int) -> Range<Int> { starts[index]..<starts[index + 1] }

    /// Number of tokens of sample `index`.
    public func length(_ index: Int) -> Int { starts[index + 1] - starts[index] }

    /// Tokens of sample `index` before its last target: those that a loss depends on.
    public func computedLength(_ index: Int) -> Int {
        let range = range(index)
        var last = range.upperBound - 1
        while last > range.lowerBound && !isTarget[last] { last -= 1 }
        return max(0, last - range.lowerBound)
    }

    /// Number of computed tokens with which two samples begin alike.
    public func sharedLength(_ one: Int, _ other: Int) -> Int {
        let (first, second) = (range(one).lowerBound, range(other).lowerBound)
        let most = min(computedLength(one), computedLength(other))
        var length = 0
        while length < most && tokens[first + length] == tokens[second + length] { length += 1 }
        return length
    }

    /// Whether the computed tokens of one sample come before another's in the order of a dictionary.
    func precedes(_ one: Int, _ other: Int) -> Bool {
        let shared = sharedLength(one, other)
        let (length, otherLength) = (computedLength(one), computedLength(other))
        guard shared < length && shared < otherLength else {
            return (length, one) < (otherLength, other)
        }
        return tokens[range(one).lowerBound + shared] < tokens[range(other).lowerBound + shared]
    }
}
