import JSON
import Words

/// What `config.json` of a model type holds: which keys, what transformers assumes where they are
/// absent, and what else of the decoder follows from it.
///
/// Source: transformers, `configuration_*.py` of each family.
struct FamilyDescription: Sendable {
    /// A key and its value where it is absent.
    typealias Count = (key: String, absent: Int)

    var family: DecoderFamily
    var vocabulary: Count
    var width: Count
    var layers: Count
    var heads: Count
    /// Absent means `heads`.
    var keyValueHeads: (key: String, absent: Int?)?
    /// Absent means width over heads.
    var headDimension: Int?
    /// Absent means four times the width.
    var feedForward: (key: String, absent: Int?)
    var positions: Count
    var epsilon: (key: String, absent: Double)
    /// Keys, of which the first that is there counts.
    var activation: (keys: [String], absent: String)
    var tiesEmbeddings = false
    var bosToken: Int?
    var eosTokens: [Int]
    var norm = DecoderConfiguration.NormKind.rootMeanSquare
    /// Dropout of transformers' training where no key tells another one.
    var dropouts: [(key: String, share: Double)] = []
    /// What remains, once the numbers above are known.
    var complete:
        @Sendable (inout DecoderConfiguration, ConfigurationObject) throws(ModelFileError) -> Void

    /// Families that are alike but for their numbers: LLaMA's keys.
    fileprivate static func llamaLike(
        _ family: DecoderFamily, vocabulary: Int, width: Int, layers: Int, heads: Int,
        keyValueHeads: Int?, headDimension: Int? = nil, feedForward: Int, positions: Int,
        epsilon: Double = 1e-6,
        activation: (keys: [String], absent: String) = (["hidden_act"], "silu"),
        bosToken: Int?, eosTokens: [Int],
        complete:
            @escaping @Sendable (inout DecoderConfiguration, ConfigurationObject)
            throws(ModelFileError) -> Void
    ) -> FamilyDescription {
        FamilyDescription(
            family: family, vocabulary: ("vocab_size", vocabulary), width: ("hidden_size", width),
            layers: ("num_hidden_layers", layers), heads: ("num_attention_heads", heads),
            keyValueHeads: ("num_key_value_heads", keyValueHeads), headDimension: headDimension,
            feedForward: ("intermediate_size", feedForward),
            positions: ("max_position_embeddings", positions), epsilon: ("rms_norm_eps", epsilon),
            activation: activation, bosToken: bosToken, eosTokens: eosTokens, complete: complete)
    }

    /// Descriptions by `model_type`.
    static let all: [String: FamilyDescription] = [
        "llama": llama, "mistral": mistral, "qwen2": qwen2, "qwen3": qwen3, "phi3": phi3,
        "gemma": gemma, "gemma2": gemma2, "gemma3_text": gemma3, "gpt2": gpt2, "gptj": gptJ,
        "gpt_neox": gptNeoX,
    ]
}

extension FamilyDescription {
    fileprivate static let llama = llamaLike(
        .llama, vocabulary: 32_000, width: 4096, layers: 32, heads: 32, keyValueHeads: nil,
        feedForward: 11_008, positions: 2048, bosToken: 1, eosTokens: [2]
    ) { decoder, keys throws(ModelFileError) in
        decoder.rotary = try keys.rotary(decoder)
        if try keys.boolean("attention_bias", default: false) {
            decoder.biases.formUnion([.query, .key, .value, .output])
        }
        if try keys.boolean("mlp_bias", default: false) {
            decoder.biases.formUnion([.gate, .up, .down])
        }
    }

    fileprivate static let mistral = llamaLike(
        .llama, vocabulary: 32_000, width: 4096, layers: 32, heads: 32, keyValueHeads: 8,
        feedForward: 14_336, positions: 131_072, bosToken: 1, eosTokens: [2]
    ) { decoder, keys throws(ModelFileError) in
        decoder.rotary = try keys.rotary(decoder)
        decoder.setWindow(try keys.optionalCount("sliding_window", absent: 4096))
    }

    fileprivate static let qwen2 = llamaLike(
        .llama, vocabulary: 151_936, width: 4096, layers: 32, heads: 32, keyValueHeads: 32,
        feedForward: 22_016, positions: 32_768, bosToken: nil, eosTokens: []
    ) { decoder, keys throws(ModelFileError) in
        decoder.rotary = try keys.rotary(decoder)
        // The class has these biases whatever its configuration says.
        keys.passOver("attention_bias", "qkv_bias")
        decoder.biases.formUnion([.query, .key, .value])
        try keys.setUpperWindows(&decoder)
    }

    fileprivate static let qwen3 = llamaLike(
        .qwen3, vocabulary: 151_936, width: 4096, layers: 32, heads: 32, keyValueHeads: 32,
        headDimension: 128, feedForward: 22_016, positions: 32_768, bosToken: nil, eosTokens: []
    ) { decoder, keys throws(ModelFileError) in
        decoder.rotary = try keys.rotary(decoder)
        if try keys.boolean("attention_bias", default: false) {
            decoder.biases.formUnion([.query, .key, .value, .output])
        }
        try keys.setUpperWindows(&decoder)
    }

    fileprivate static let phi3 = llamaLike(
        .phi3, vocabulary: 32_064, width: 3072, layers: 32, heads: 32, keyValueHeads: nil,
        feedForward: 8192, positions: 4096, epsilon: 1e-5, bosToken: 1, eosTokens: [32_000]
    ) { decoder, keys throws(ModelFileError) in
        decoder.rotary = try keys.rotary(decoder, allowsPart: true)
        decoder.setWindow(try keys.optionalCount("sliding_window", absent: nil))
    }

    fileprivate static let gemma: FamilyDescription = {
        var description = llamaLike(
            .llama, vocabulary: 256_000, width: 3072, layers: 28, heads: 16, keyValueHeads: 16,
            headDimension: 256, feedForward: 24_576, positions: 8192,
            activation: (["hidden_activation", "hidden_act"], "gelu_pytorch_tanh"), bosToken: 2,
            eosTokens: [1]
        ) { decoder, keys throws(ModelFileError) in
            decoder.rotary = try keys.rotary(decoder)
            try keys.completeGemma(&decoder)
        }
        description.norm = .rootMeanSquarePlusOne
        description.tiesEmbeddings = true
        return description
    }()

    fileprivate static let gemma2: FamilyDescription = {
        var description = llamaLike(
            .gemma2, vocabulary: 256_000, width: 2304, layers: 26, heads: 8, keyValueHeads: 4,
            headDimension: 256, feedForward: 9216, positions: 8192,
            activation: (["hidden_activation", "hidden_act"], "gelu_pytorch_tanh"), bosToken: 2,
            eosTokens: [1]
        ) { decoder, keys throws(ModelFileError) in
            decoder.rotary = try keys.rotary(decoder)
            try keys.completeGemma(&decoder)
            decoder.attentionScale =
                1 / (try keys.positive("query_pre_attn_scalar", default: 256)).squareRoot()
            decoder.scoreCap = try keys.optionalPositive("attn_logit_softcapping", absent: 50)
            decoder.logitCap = try keys.optionalPositive("final_logit_softcapping", absent: 30)
            try keys.setAlternatingWindows(&decoder, everyFull: 2)
        }
        description.norm = .rootMeanSquarePlusOne
        description.tiesEmbeddings = true
        return description
    }()

    fileprivate static let gemma3: FamilyDescription = {
        var description = llamaLike(
            .gemma3, vocabulary: 262_208, width: 2304, layers: 26, heads: 8, keyValueHeads: 4,
            headDimension: 256, feedForward: 9216, positions: 131_072,
            activation: (["hidden_activation", "hidden_act"], "gelu_pytorch_tanh"), bosToken: 2,
            eosTokens: [1]
        ) { decoder, keys throws(ModelFileError) in
            (decoder.rotary, decoder.localRotary) = try keys.rotaryOfLayerTypes(decoder)
            try keys.completeGemma(&decoder)
            decoder.attentionScale =
                1 / (try keys.positive("query_pre_attn_scalar", default: 256)).squareRoot()
            decoder.scoreCap = try keys.optionalPositive("attn_logit_softcapping", absent: nil)
            decoder.logitCap = try keys.optionalPositive("final_logit_softcapping", absent: nil)
            try keys.setAlternatingWindows(
                &decoder, everyFull: try keys.count("sliding_window_pattern", default: 6))
        }
        description.norm = .rootMeanSquarePlusOne
        description.tiesEmbeddings = true
        return description
    }()

    fileprivate static let gpt2 = FamilyDescription(
        family: .gpt2, vocabulary: ("vocab_size", 50_257), width: ("n_embd", 768),
        layers: ("n_layer", 12), heads: ("n_head", 12), feedForward: ("n_inner", nil),
        positions: ("n_positions", 1024), epsilon: ("layer_norm_epsilon", 1e-5),
        activation: (["activation_function"], "gelu_new"), tiesEmbeddings: true, bosToken: 50_256,
        eosTokens: [50_256], norm: .layer,
        dropouts: [("attn_pdrop", 0.1), ("embd_pdrop", 0.1), ("resid_pdrop", 0.1)]
    ) { decoder, keys throws(ModelFileError) in
        for key in ["scale_attn_by_inverse_layer_idx", "add_cross_attention"]
        where try keys.boolean(key, default: false) {
            throw keys.failure("\(key) true is not supported")
        }
        if try !keys.boolean("scale_attn_weights", default: true) { decoder.attentionScale = 1 }
        decoder.biases = [.queryKeyValue, .output, .up, .down]
    }

    fileprivate static let gptJ = FamilyDescription(
        family: .gptJ, vocabulary: ("vocab_size", 50_400), width: ("n_embd", 4096),
        layers: ("n_layer", 28), heads: ("n_head", 16), feedForward: ("n_inner", nil),
        positions: ("n_positions", 2048), epsilon: ("layer_norm_epsilon", 1e-5),
        activation: (["activation_function"], "gelu_new"), bosToken: 50_256, eosTokens: [50_256],
        norm: .layer
    ) { decoder, keys throws(ModelFileError) in
        guard let rotated = try keys.optionalCount("rotary_dim", absent: 64) else {
            throw keys.failure("rotary_dim null is not supported")
        }
        decoder.rotary = RotaryConfiguration(
            theta: 10_000, dimension: rotated, pairing: .neighbours)
        keys.passOver("rotary")
        decoder.biases = [.up, .down]
        decoder.headBias = true
        decoder.parallelResidual = true
    }

    fileprivate static let gptNeoX = FamilyDescription(
        family: .gptNeoX, vocabulary: ("vocab_size", 50_432), width: ("hidden_size", 6144),
        layers: ("num_hidden_layers", 44), heads: ("num_attention_heads", 64),
        feedForward: ("intermediate_size", 24_576), positions: ("max_position_embeddings", 2048),
        epsilon: ("layer_norm_eps", 1e-5), activation: (["hidden_act"], "gelu"), bosToken: 0,
        eosTokens: [2], norm: .layer
    ) { decoder, keys throws(ModelFileError) in
        let theta = try keys.positive("rotary_emb_base", default: 10_000)
        guard
            try keys.positive("rope_theta", default: theta) == theta || !keys.has("rotary_emb_base")
        else { throw keys.failure("rope_theta and rotary_emb_base are two numbers") }
        decoder.rotary = try keys.rotary(
            decoder, theta: theta,
            part: try keys.positive("rotary_pct", default: 0.25), allowsPart: true)
        decoder.biases = [.up, .down]
        if try keys.boolean("attention_bias", default: true) {
            decoder.biases.formUnion([.queryKeyValue, .output])
        }
        decoder.parallelResidual = try keys.boolean("use_parallel_residual", default: true)
    }
}

extension DecoderConfiguration {
    /// The same window in every layer; `nil` for none.
    fileprivate mutating func setWindow(_ window: Int?) {
        windows = window.map { [Int?](repeating: $0, count: layerCount) } ?? []
    }
}

extension ConfigurationObject {
    fileprivate func completeGemma(
        _ decoder: inout DecoderConfiguration
    ) throws(ModelFileError) {
        // The newer of two names counts, and published files have another function under the older.
        passOver("hidden_act")
        decoder.embeddingScale = Float(Double(decoder.width).squareRoot())
        if try boolean("use_bidirectional_attention", default: false) {
            throw failure("use_bidirectional_attention true is not supported")
        }
        if try boolean("attention_bias", default: false) {
            decoder.biases.formUnion([.query, .key, .value, .output])
        }
    }

    /// Windows as `layer_types` says, or else in the layers from `max_window_layers` on.
    fileprivate func setUpperWindows(
        _ decoder: inout DecoderConfiguration
    ) throws(ModelFileError) {
        let first = try wholeNumber("max_window_layers", default: 28)
        let told = try optionalCount("sliding_window", absent: 4096)
        guard try boolean("use_sliding_window", default: false), let window = told else { return }
        decoder.windows =
            try layerWindows(decoder, window)
            ?? (0..<decoder.layerCount).map { $0 >= first ? window : nil }
    }

    /// Windows as `layer_types` says, or else in all but every so many layers.
    fileprivate func setAlternatingWindows(
        _ decoder: inout DecoderConfiguration, everyFull: Int
    ) throws(ModelFileError) {
        guard let window = try optionalCount("sliding_window", absent: 4096) else { return }
        decoder.windows =
            try layerWindows(decoder, window)
            ?? (0..<decoder.layerCount).map { ($0 + 1).isMultiple(of: everyFull) ? nil : window }
    }

    private func layerWindows(
        _ decoder: DecoderConfiguration, _ window: Int
    ) throws(ModelFileError) -> [Int?]? {
        guard let types = try texts("layer_types") else { return nil }
        guard types.count == decoder.layerCount else {
            throw failure(
                "layer_types has \(types.count) entries, but there are "
                    + "\(decoder.layerCount) layers")
        }
        var windows: [Int?] = []
        for type in types {
            switch type {
            case "full_attention": windows.append(nil)
            case "sliding_attention": windows.append(window)
            default:
                throw failure(
                    "layer_types has \(type.quoted); supported: full_attention, sliding_attention")
            }
        }
        return windows
    }
}
