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
    /// Added to the mean square, or to the variance, inside a norm.
    public var normEpsilon: Float
    public var rotary: RotaryConfiguration
    /// Whether the output projection is the token embedding.
    public var tiedEmbeddings: Bool
    public var bosToken: Int?
    /// Tokens that end a text; the first is the one that training appends.
    public var eosTokens: [Int]

    /// Which parts a layer has, and their names.
    public var family = DecoderFamily.llama
    public var norm = NormKind.rootMeanSquare
    public var activation = Activation.silu
    /// The rotation of layers with a window, where it differs.
    public var localRotary: RotaryConfiguration?
    /// For each layer how many positions a query sees, its own included: position `i` sees
    /// `i − window < j ≤ i`. `nil`, or an empty array: all before it.
    public var windows: [Int?] = []
    /// What scores are multiplied by; `nil` is `1 / √headDimension`.
    public var attentionScale: Double?
    /// Scores `x` become `c·tanh(x / c)`, after scaling and before masking.
    public var scoreCap: Double?
    /// The same for logits.
    public var logitCap: Double?
    /// Token embeddings are multiplied by it.
    public var embeddingScale: Float?
    /// Projections that add a bias.
    public var biases: Set<ProjectionKind> = []
    /// Whether the output projection adds a bias.
    public var headBias = false
    /// Whether attention and feed-forward both read the layer's input and both are added to it.
    /// Otherwise the feed-forward block reads what attention was added to.
    public var parallelResidual = false

    /// How rows are normalised.
    public enum NormKind: Sendable, Equatable {
        /// `x · w / √(mean(x²) + ε)` (Zhang & Sennrich 2019, arXiv:1910.07467).
        case rootMeanSquare
        /// The same with `1 + w` in place of `w`, as Gemma's files have it.
        case rootMeanSquarePlusOne
        /// `(x − mean) · w / √(variance + ε) + b` (Ba et al. 2016, arXiv:1607.06450).
        case layer
    }

    /// The non-linear function of the feed-forward block.
    public enum Activation: String, Sendable, Equatable {
        /// `x / (1 + e⁻ˣ)`.
        case silu
        /// `x · Φ(x)`.
        case geluExact
        /// `x · (1 + tanh(√(2/π) · (x + 0.044715·x³))) / 2`.
        case geluTanh
        case relu
    }

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

extension DecoderConfiguration {
    /// Positions that a query of `layer` sees, its own included; `nil` if all before it.
    public func window(layer: Int) -> Int? { layer < windows.count ? windows[layer] : nil }

    /// The rotation of `layer`.
    public func rotary(layer: Int) -> RotaryConfiguration {
        window(layer: layer) == nil ? rotary : localRotary ?? rotary
    }

    /// Numbers of a head that are rotated: its first ones. 0 where positions are learned.
    public var rotatedDimension: Int {
        family.positionEmbedding == nil ? rotary.dimension ?? headDimension : 0
    }

    /// Shape of a projection's weight.
    public func size(of kind: ProjectionKind) -> (outputs: Int, inputs: Int) {
        let queries = headCount * headDimension
        let keys = keyValueHeadCount * headDimension
        return switch kind {
        case .query: (queries, width)
        case .key, .value: (keys, width)
        case .queryKeyValue: (queries + 2 * keys, width)
        case .output: (width, queries)
        case .gate, .up: (feedForwardWidth, width)
        case .gateUp: (2 * feedForwardWidth, width)
        case .down: (width, feedForwardWidth)
        }
    }

    /// Elements that a norm is computed over.
    public func size(of role: NormRole) -> Int {
        switch role {
        case .query, .key: headDimension
        case .input, .feedForward, .afterAttention, .afterFeedForward: width
        }
    }
}

/// Rotary position embedding (Su et al. 2021, arXiv:2104.09864).
public struct RotaryConfiguration: Sendable, Equatable {
    /// Which numbers of a head are rotated against each other.
    public enum Pairing: Sendable, Equatable {
        /// Number `i` and number `i + dimension / 2`.
        case halves
        /// Numbers `2i` and `2i + 1` (GPT-J).
        case neighbours
    }

    /// Base of the geometric series of wavelengths.
    public var theta: Double
    public var scaling: Scaling
    /// Numbers of a head that are rotated, its first ones; `nil` is all.
    public var dimension: Int?
    public var pairing: Pairing

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

    public init(
        theta: Double, scaling: Scaling = .none, dimension: Int? = nil, pairing: Pairing = .halves
    ) {
        self.theta = theta
        self.scaling = scaling
        self.dimension = dimension
        self.pairing = pairing
    }
}
