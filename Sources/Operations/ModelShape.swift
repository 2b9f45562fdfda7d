public import ModelFiles

/// The sizes of a decoder-only language model: all that its number of parameters depends on.
///
/// Wider than ``DecoderConfiguration``: it also describes families that this software does not run,
/// so that a person can ask what an adapter for them would take.
public struct ModelShape: Sendable, Equatable {
    /// Families that differ in which projections they have, in biases and in norms.
    public enum Family: String, Sendable, CaseIterable {
        /// LLaMA, Mistral, SmolLM2: gated feed-forward, RMS norms, no biases.
        case llama
        /// As LLaMA, with biases on queries, keys and values.
        case qwen2
        /// GPT-2 and GPT-3: one matrix for queries, keys and values, biases, learned positions.
        case gpt2
        /// GPT-J: one norm a layer, biases in the feed-forward block and on the output.
        case gptj
        /// Pythia: one matrix for queries, keys and values, biases, rotary positions.
        case gptneox
    }

    public var family: Family
    public var layerCount: Int
    /// Width of the residual stream.
    public var width: Int
    public var headCount: Int
    /// Fewer than `headCount` means grouped-query attention.
    public var keyValueHeadCount: Int
    public var headDimension: Int
    /// Inner width of the feed-forward block.
    public var feedForwardWidth: Int
    public var vocabularySize: Int
    /// Whether the output projection is the token embedding.
    public var tiedEmbeddings: Bool
    /// Rows of a table of positions; 0 where positions are rotated.
    public var learnedPositions: Int

    /// - Parameters:
    ///   - keyValueHeadCount: `nil` for one key-value head a head.
    ///   - headDimension: `nil` for `width / headCount`.
    public init(
        family: Family, layerCount: Int, width: Int, headCount: Int,
        keyValueHeadCount: Int? = nil, headDimension: Int? = nil, feedForwardWidth: Int,
        vocabularySize: Int, tiedEmbeddings: Bool, learnedPositions: Int = 0
    ) {
        self.family = family
        self.layerCount = layerCount
        self.width = width
        self.headCount = headCount
        self.keyValueHeadCount = keyValueHeadCount ?? headCount
        self.headDimension = headDimension ?? width / headCount
        self.feedForwardWidth = feedForwardWidth
        self.vocabularySize = vocabularySize
        self.tiedEmbeddings = tiedEmbeddings
        self.learnedPositions = learnedPositions
    }

    /// The shape of a model on disk.
    public init(_ configuration: DecoderConfiguration) {
        self.init(
            family: .llama, layerCount: configuration.layerCount, width: configuration.width,
            headCount: configuration.headCount,
            keyValueHeadCount: configuration.keyValueHeadCount,
            headDimension: configuration.headDimension,
            feedForwardWidth: configuration.feedForwardWidth,
            vocabularySize: configuration.vocabularySize,
            tiedEmbeddings: configuration.tiedEmbeddings)
    }

    // MARK: Parameters

    /// Elements of all weight matrices: projections, embeddings, the output.
    public var matrixParameters: Int {
        let ends = vocabularySize * width * (tiedEmbeddings ? 1 : 2) + learnedPositions * width
        return ends + layerCount * modules.reduce(0) { $0 + $1.inputs * $1.outputs }
    }

    /// Elements of norms and biases.
    public var vectorParameters: Int {
        let attention = modules.filter { $0.block == .attention }.reduce(0) { $0 + $1.outputs }
        let feedForward = modules.filter { $0.block == .feedForward }
            .reduce(0) { $0 + $1.outputs }
        return switch family {
        case .llama: layerCount * 2 * width + width
        case .qwen2: layerCount * (2 * width + attention - width) + width
        case .gpt2, .gptneox: layerCount * (4 * width + attention + feedForward) + 2 * width
        case .gptj: layerCount * (2 * width + feedForward) + 2 * width + vocabularySize
        }
    }

    public var parameterCount: Int { matrixParameters + vectorParameters }
}
