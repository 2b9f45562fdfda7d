/// A decoder-only language model, described by numbers: what `config.json` or GGUF metadata say.
public struct DecoderConfiguration: Sendable, Equatable {
    /// Family as transformers names it, e.g. `llama`.
    public var modelType: String
    public var vocabularySize: Int
    /// Width of the residual stream (`hidden_size`).
    public var width: Int
    public var layerCount: Int
    public var headCount: Int
    /// Fewer than `headCount` means grouped-query attention.
    public var keyValueHeadCount: Int
    public var headDimension: Int
    /// Inner width of the feed-forward block (`intermediate_size`).
    public var feedForwardWidth: Int
    /// `max_position_embeddings`.
    public var maximumPositions: Int
    /// Added to the mean square inside RMS normalisation.
    public var normEpsilon: Float
    public var rotary: RotaryConfiguration
    /// Whether the output projection is the token embedding.
    public var tiedEmbeddings: Bool
    public var bosToken: Int?
    /// Tokens that end a text; the first is the one that training appends.
    public var eosTokens: [Int]

    public init(
        modelType: String, vocabularySize: Int, width: Int, layerCount: Int, headCount: Int,
        keyValueHeadCount: Int, headDimension: Int, feedForwardWidth: Int, maximumPositions: Int,
        normEpsilon: Float, rotary: RotaryConfiguration, tiedEmbeddings: Bool, bosToken: Int?,
        eosTokens: [Int]
    ) {
        self.modelType = modelType
        self.vocabularySize = vocabularySize
        self.width = width
        self.layerCount = layerCount
        self.headCount = headCount
        self.keyValueHeadCount = keyValueHeadCount
        self.headDimension = headDimension
        self.feedForwardWidth = feedForwardWidth
        self.maximumPositions = maximumPositions
        self.normEpsilon = normEpsilon
        self.rotary = rotary
        self.tiedEmbeddings = tiedEmbeddings
        self.bosToken = bosToken
        self.eosTokens = eosTokens
    }
}

/// Rotary position embedding (Su et al. 2021, arXiv:2104.09864), halves rotated against each other.
public struct RotaryConfiguration: Sendable, Equatable {
    /// Base of the geometric series of wavelengths.
    public var theta: Double
    public var scaling: Scaling

    /// How frequencies are stretched for longer contexts, as transformers' `rope_type` names it.
    public enum Scaling: Sendable, Equatable {
        case none
        case linear(factor: Double)
        case llama3(
            factor: Double, lowFrequencyFactor: Double, highFrequencyFactor: Double,
            originalMaximumPositions: Int)
        /// Each frequency, of `headDimension / 2`, divided by its own number: the form in which
        /// GGUF files carry llama3 scaling (tensor `rope_freqs.weight`).
        case divisors([Double])
    }

    public init(theta: Double, scaling: Scaling = .none) {
        self.theta = theta
        self.scaling = scaling
    }
}
