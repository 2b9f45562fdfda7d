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
}
