import Tensors

extension DecoderConfiguration {
    /// What the metadata of a GGUF file say.
    ///
    /// The vocabulary is as long as the token embedding, which llama.cpp trusts too.
    /// Source: ggml `docs/gguf.md` ("LLM"), llama.cpp `llama-model.cpp` for what may be absent.
    init(_ file: GGUFFile) throws(ModelFileError) {
        let reader = GGUFKeys(file)
        let architecture = try reader.text("general.architecture", default: nil)
        guard architecture == "llama" else {
            throw ModelFileError(
                "architecture \(architecture.quoted) is not supported; supported: llama",
                file: file.file.path)
        }
        if try reader.integer("llama.expert_count", default: 0) > 0 {
            throw ModelFileError(
                "a mixture of experts is not supported", file: file.file.path,
                part: "metadata key 'llama.expert_count'")
        }
        guard let embedding = file.entry("token_embd.weight"), embedding.shape.count == 2 else {
            throw ModelFileError(
                "is missing or no matrix", file: file.file.path,
                part: "tensor 'token_embd.weight'")
        }
        let width = try reader.count("llama.embedding_length", default: nil)
        let headCount = try reader.count("llama.attention.head_count", default: nil)
        let headDimension = try Self.headDimension(reader, width: width, headCount: headCount)
        self.init(
            modelType: architecture,
            vocabularySize: embedding.shape[0],
            width: width,
            layerCount: try reader.count("llama.block_count", default: nil),
            headCount: headCount,
            keyValueHeadCount: try reader.count(
                "llama.attention.head_count_kv", default: headCount),
            headDimension: headDimension,
            feedForwardWidth: try reader.count("llama.feed_forward_length", default: nil),
            maximumPositions: try reader.count("llama.context_length", default: nil),
            normEpsilon: Float(
                try reader.positive("llama.attention.layer_norm_rms_epsilon", default: nil)),
            rotary: RotaryConfiguration(
                theta: try reader.positive("llama.rope.freq_base", default: 10_000),
                scaling: try Self.scaling(reader, file, headDimension: headDimension)),
            tiedEmbeddings: file.entry("output.weight") == nil,
            bosToken: try reader.token("tokenizer.ggml.bos_token_id"),
            eosTokens: try Self.endTokens(reader))
        try checkHeads(
            path: file.file.path, heads: "llama.attention.head_count",
            keyValueHeads: "llama.attention.head_count_kv",
            headDimension: "llama.attention.key_length")
        try checkTokens(
            path: file.file.path, bos: "tokenizer.ggml.bos_token_id",
            eos: "tokenizer.ggml.eos_token_id")
    }

    private static func headDimension(
        _ reader: GGUFKeys, width: Int, headCount: Int
    ) throws(ModelFileError) -> Int {
        let told = try reader.integer("llama.attention.key_length", default: 0)
        guard told != 0 || width.isMultiple(of: headCount) else {
            throw reader.failure(
                "llama.attention.head_count",
                "is \(headCount), of which the width \(width) is no multiple")
        }
        let dimension = try reader.count(
            "llama.attention.key_length", default: width / headCount)
        for key in ["llama.attention.value_length", "llama.rope.dimension_count"] {
            let other = try reader.count(key, default: dimension)
            guard other == dimension else {
                throw reader.failure(
                    key, "is \(other), but only the head dimension \(dimension) is supported")
            }
        }
        return dimension
    }

    private static func scaling(
        _ reader: GGUFKeys, _ file: GGUFFile, headDimension: Int
    ) throws(ModelFileError) -> RotaryConfiguration.Scaling {
        let key = "llama.rope.scaling.type"
        let type = try reader.text(key, default: "none")
        let scaling: RotaryConfiguration.Scaling
        switch type {
        case "none": scaling = .none
        case "linear":
            scaling = .linear(
                factor: try reader.positive("llama.rope.scaling.factor", default: nil))
        default:
            throw reader.failure(key, "is \(type.quoted); supported: none, linear")
        }
        guard file.entry("rope_freqs.weight") != nil else { return scaling }
        let tensor = try file.tensor("rope_freqs.weight")
        let divisors = try tensor.floats().map(Double.init)
        guard scaling == .none, tensor.shape == [headDimension / 2],
            divisors.allSatisfy({ $0.isFinite && $0 > 0 })
        else {
            throw ModelFileError(
                "must hold \(headDimension / 2) numbers above zero, and stand without \(key)",
                file: file.file.path, part: "tensor 'rope_freqs.weight'")
        }
        return .divisors(divisors)
    }

    /// The end of a text, then the end of a turn where that is another token.
    private static func endTokens(_ reader: GGUFKeys) throws(ModelFileError) -> [Int] {
        let text = try reader.token("tokenizer.ggml.eos_token_id")
        let turn = try reader.token("tokenizer.ggml.eot_token_id")
        return [text, text == turn ? nil : turn].compactMap { $0 }
    }
}

/// GGUF metadata read key by key; a value of the wrong kind is named by its key.
private struct GGUFKeys {
    private let metadata: [String: GGUFValue]
    private let path: String

    init(_ file: GGUFFile) {
        metadata = file.metadata
        path = file.file.path
    }

    func failure(_ key: String, _ problem: String) -> ModelFileError {
        ModelFileError(problem, file: path, part: "metadata key \(key.quoted)")
    }

    /// A text; `fallback` where the key is absent, which without a fallback is an error.
    func text(_ key: String, default fallback: String?) throws(ModelFileError) -> String {
        switch metadata[key] {
        case .text(let text): return text
        case nil: return try required(fallback, key)
        case let other?: throw wrong(key, other, "a text")
        }
    }

    func integer(_ key: String, default fallback: Int?) throws(ModelFileError) -> Int {
        switch metadata[key] {
        case .integer(let value): return Int(value)
        case nil: return try required(fallback, key)
        case let other?: throw wrong(key, other, "a whole number")
        }
    }

    /// A whole number from 1 on that fits 31 bits, so that products of two do not overflow.
    func count(_ key: String, default fallback: Int?) throws(ModelFileError) -> Int {
        let value = try integer(key, default: fallback)
        guard (1...Int(Int32.max)).contains(value) else {
            throw failure(key, "is \(value), but must be from 1 to \(Int32.max)")
        }
        return value
    }

    func positive(_ key: String, default fallback: Double?) throws(ModelFileError) -> Double {
        switch metadata[key] {
        case .number(let value) where value > 0 && value.isFinite: return value
        case nil: return try required(fallback, key)
        case let other?: throw wrong(key, other, "a number above zero")
        }
    }

    func token(_ key: String) throws(ModelFileError) -> Int? {
        metadata[key] == nil ? nil : try integer(key, default: nil)
    }

    /// `value`, or the complaint that `key` is missing.
    private func required<T>(_ value: T?, _ key: String) throws(ModelFileError) -> T {
        guard let value else { throw failure(key, "is missing") }
        return value
    }

    private func wrong(_ key: String, _ value: GGUFValue, _ needed: String) -> ModelFileError {
        failure(key, "is \(value.shown), but must be \(needed)")
    }
}
