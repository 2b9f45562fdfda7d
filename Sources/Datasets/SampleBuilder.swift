import Tokenization

/// Joins prompt and response into one sample.
struct SampleBuilder {
    let tokenizer: Tokenizer
    let endToken: Int32
    let maxLength: Int

    struct Sample {
        var tokens: [Int32]
        var isTarget: [Bool]
        var isTruncated: Bool
    }

    /// - Returns: `nil` if no target is left after the cut. The first token of a sample is none, as
    ///   nothing predicts it.
    func sample(prompt: String, response: String) -> Sample? {
        var tokens = tokenizer.beginTokens + tokenizer.encode(prompt)
        let promptLength = tokens.count
        guard promptLength < maxLength else { return nil }
        tokens += tokenizer.encode(response)
        tokens.append(endToken)
        let isTruncated = tokens.count > maxLength
        if isTruncated { tokens.removeSubrange(maxLength...) }
        guard tokens.count > max(promptLength, 1) else { return nil }
        let isTarget = tokens.indices.map { $0 >= max(promptLength, 1) }
        return Sample(tokens: tokens, isTarget: isTarget, isTruncated: isTruncated)
    }
}
