import Files
import JSON
import Words

extension DecoderConfiguration {
    /// What `config.json` of a folder says, with transformers' defaults for what it does not.
    ///
    /// - Parameters:
    ///   - config: The mapped `config.json`.
    ///   - generationConfig: `generation_config.json`, whose end tokens are taken.
    ///   - unused: What `config.json` says beside it.
    /// - Throws: ``ModelFileError`` for what is not supported or impossible, by its key.
    init(
        config: MappedFile, generationConfig: MappedFile?, unused: inout UnusedConfiguration
    ) throws(ModelFileError) {
        let reader = try ConfigurationObject(config)
        let type = try reader.text("model_type", default: nil)
        guard let description = FamilyDescription.all[type] else {
            throw reader.failure(
                "model_type \(type.quoted) is not supported; supported: "
                    + Self.modelTypes.joined(separator: ", "))
        }
        try Self.refuseQuantization(reader)
        try self.init(reader, type: type, description, path: config.path)
        eosTokens = try Self.endTokens(reader, generationConfig, default: description.eosTokens)
        try description.complete(&self, reader)
        try checkHeads(
            path: config.path, heads: description.heads.key,
            keyValueHeads: description.keyValueHeads?.key ?? description.heads.key,
            headDimension: "head_dim")
        try checkTokens(path: config.path, bos: "bos_token_id", eos: "eos_token_id")
        unused = try UnusedConfiguration(reader, self, description)
    }

    /// Refuses weights that are stored in another way than their tensors say, by the method's name.
    private static func refuseQuantization(
        _ reader: ConfigurationObject
    ) throws(ModelFileError) {
        // "quantization" is MLX's key.
        for key in ["quantization_config", "quantization", "compression_config"] {
            guard let section = try reader.object(key) else { continue }
            let method = try section.text(
                section.has("quant_method") ? "quant_method" : "mode", default: "")
            throw reader.failure(
                "\(key) is not supported" + (method.isEmpty ? "" : " (\(method))"),
                hint: "Use the model in F32, F16 or BF16, or a GGUF file")
        }
    }

    /// The numbers that every family has.
    init(
        _ reader: ConfigurationObject, type: String, _ description: FamilyDescription, path: String
    ) throws(ModelFileError) {
        func count(_ value: FamilyDescription.Count) throws(ModelFileError) -> Int {
            try reader.count(value.key, default: value.absent)
        }
        let width = try count(description.width)
        let headCount = try count(description.heads)
        let headDimension =
            description.keyValueHeads == nil
            ? nil : try reader.optionalCount("head_dim", absent: description.headDimension)
        if headDimension == nil, !width.isMultiple(of: headCount) {
            throw reader.failure(
                "\(description.width.key) \(width) is no multiple of \(description.heads.key) "
                    + "\(headCount)")
        }
        var keyValueHeadCount = headCount
        if let keys = description.keyValueHeads {
            keyValueHeadCount =
                try reader.optionalCount(keys.key, absent: keys.absent) ?? headCount
        }
        self.init(
            modelType: type, vocabularySize: try count(description.vocabulary), width: width,
            layerCount: try count(description.layers), headCount: headCount,
            keyValueHeadCount: keyValueHeadCount,
            headDimension: headDimension ?? width / headCount,
            feedForwardWidth: try reader.optionalCount(description.feedForward.key)
                ?? description.feedForward.absent ?? 4 * width,
            maximumPositions: try count(description.positions),
            normEpsilon: Float(
                try reader.positive(description.epsilon.key, default: description.epsilon.absent)),
            rotary: RotaryConfiguration(theta: 10_000),
            tiedEmbeddings: try reader.boolean(
                "tie_word_embeddings", default: description.tiesEmbeddings),
            bosToken: try reader.tokens(
                "bos_token_id", default: description.bosToken.map { [$0] } ?? []
            ).first,
            eosTokens: [])
        family = description.family
        norm = description.norm
        activation = try Self.activation(reader, description)
    }

    private static func activation(
        _ reader: ConfigurationObject, _ description: FamilyDescription
    ) throws(ModelFileError) -> Activation {
        let key =
            description.activation.keys.first { reader.has($0) } ?? description.activation.keys[0]
        let name = try reader.text(key, default: description.activation.absent)
        guard let activation = Activation(transformersName: name) else {
            throw reader.failure(
                "\(key) \(name.quoted) is not supported; supported: silu, gelu, gelu_new, "
                    + "gelu_fast, gelu_pytorch_tanh, relu")
        }
        return activation
    }

    /// What ends a text, as transformers' `generate` has it: the end tokens of
    /// `generation_config.json`, or those of `config.json` where it names none.
    private static func endTokens(
        _ reader: ConfigurationObject, _ generationConfig: MappedFile?, default fallback: [Int]
    ) throws(ModelFileError) -> [Int] {
        guard let generationConfig else {
            return try reader.tokens("eos_token_id", default: fallback)
        }
        let tokens = try ConfigurationObject(generationConfig).tokens("eos_token_id", default: [])
        return try tokens.isEmpty ? reader.tokens("eos_token_id", default: []) : tokens
    }
}

extension DecoderConfiguration.Activation {
    /// The function that transformers' table has under this name; `nil` if we lack it.
    init?(transformersName name: String) {
        switch name {
        case "silu", "swish": self = .silu
        case "gelu": self = .geluExact
        case "gelu_new", "gelu_pytorch_tanh", "gelu_fast": self = .geluTanh
        case "relu": self = .relu
        default: return nil
        }
    }
}
