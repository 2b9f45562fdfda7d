import Tensors

extension DecoderConfiguration {
    /// What `config.json` of a folder says, with transformers' `LlamaConfig` for what it does not.
    ///
    /// Both spellings are read: transformers 4 (`rope_theta`, `rope_scaling`) and 5
    /// (`rope_parameters`).
    /// - Parameters:
    ///   - config: The mapped `config.json`.
    ///   - generationConfig: `generation_config.json`, whose end tokens are added.
    /// - Throws: ``ModelFileError`` for what is not supported or impossible, by its key.
    init(config: MappedFile, generationConfig: MappedFile?) throws(ModelFileError) {
        let reader = try ConfigurationObject(config)
        let type = try reader.text("model_type", default: nil)
        guard type == "llama" else {
            throw reader.failure(
                "model_type \(type.quoted) is not supported; supported: llama")
        }
        try Self.refuseUnsupported(reader)
        let width = try reader.count("hidden_size", default: 4096)
        let headCount = try reader.count("num_attention_heads", default: 32)
        let positions = try reader.count("max_position_embeddings", default: 2048)
        let headDimension = try reader.optionalCount("head_dim")
        if headDimension == nil, !width.isMultiple(of: headCount) {
            throw reader.failure(
                "hidden_size \(width) is no multiple of num_attention_heads \(headCount)")
        }
        self.init(
            modelType: type,
            vocabularySize: try reader.count("vocab_size", default: 32_000),
            width: width,
            layerCount: try reader.count("num_hidden_layers", default: 32),
            headCount: headCount,
            keyValueHeadCount: try reader.optionalCount("num_key_value_heads") ?? headCount,
            headDimension: headDimension ?? width / headCount,
            feedForwardWidth: try reader.count("intermediate_size", default: 11_008),
            maximumPositions: positions,
            normEpsilon: Float(try reader.positive("rms_norm_eps", default: 1e-6)),
            rotary: try RotaryConfiguration(reader, maximumPositions: positions),
            tiedEmbeddings: try reader.boolean("tie_word_embeddings", default: false),
            bosToken: try reader.tokens("bos_token_id", default: [1]).first,
            eosTokens: try Self.endTokens(reader, generationConfig))
        try checkHeads(
            path: config.path, heads: "num_attention_heads", keyValueHeads: "num_key_value_heads",
            headDimension: "head_dim")
        try checkTokens(path: config.path, bos: "bos_token_id", eos: "eos_token_id")
    }

    private static func refuseUnsupported(
        _ reader: ConfigurationObject
    ) throws(ModelFileError) {
        let activation = try reader.text("hidden_act", default: "silu")
        guard activation == "silu" else {
            throw reader.failure(
                "hidden_act \(activation.quoted) is not supported; supported: silu")
        }
        for key in ["attention_bias", "mlp_bias"] where try reader.boolean(key, default: false) {
            throw reader.failure("\(key) true is not supported")
        }
        if reader.has("quantization_config") {
            throw reader.failure(
                "quantization_config is not supported",
                hint: "Use the model in F32, F16 or BF16, or a GGUF file")
        }
    }

    /// End tokens of `config.json`, then those that only `generation_config.json` has: chat models
    /// list the token that ends a turn only there.
    private static func endTokens(
        _ reader: ConfigurationObject, _ generationConfig: MappedFile?
    ) throws(ModelFileError) -> [Int] {
        guard let generationConfig else { return try reader.tokens("eos_token_id", default: [2]) }
        let generation = try ConfigurationObject(generationConfig)
        var tokens = try reader.tokens("eos_token_id", default: [])
        for token in try generation.tokens("eos_token_id", default: [])
        where !tokens.contains(token) {
            tokens.append(token)
        }
        return tokens
    }
}

extension RotaryConfiguration {
    /// `rope_parameters` where it stands, else `rope_theta` with `rope_scaling`.
    fileprivate init(
        _ config: ConfigurationObject, maximumPositions: Int
    ) throws(ModelFileError) {
        let theta = try config.positive("rope_theta", default: 10_000)
        let key = config.has("rope_parameters") ? "rope_parameters" : "rope_scaling"
        guard let section = try config.object(key) else {
            self.init(theta: theta)
            return
        }
        let type =
            section.has("rope_type")
            ? try section.text("rope_type", default: nil)
            : try section.text("type", default: "default")
        guard try section.positive("partial_rotary_factor", default: 1) == 1 else {
            throw section.failure("partial_rotary_factor other than 1 is not supported")
        }
        let scaling: Scaling
        switch type {
        case "default": scaling = .none
        case "linear": scaling = .linear(factor: try section.positive("factor", default: nil))
        case "llama3":
            scaling = try Self.llama3(section, maximumPositions: maximumPositions)
        default:
            throw section.failure(
                "rope_type \(type.quoted) is not supported; supported: default, linear, llama3")
        }
        self.init(theta: try section.positive("rope_theta", default: theta), scaling: scaling)
    }

    private static func llama3(
        _ section: ConfigurationObject, maximumPositions: Int
    ) throws(ModelFileError) -> Scaling {
        let low = try section.positive("low_freq_factor", default: nil)
        let high = try section.positive("high_freq_factor", default: nil)
        guard low < high else {
            throw section.failure("low_freq_factor \(low) must lie below high_freq_factor \(high)")
        }
        return .llama3(
            factor: try section.positive("factor", default: nil), lowFrequencyFactor: low,
            highFrequencyFactor: high,
            originalMaximumPositions: try section.count(
                "original_max_position_embeddings", default: maximumPositions))
    }
}
