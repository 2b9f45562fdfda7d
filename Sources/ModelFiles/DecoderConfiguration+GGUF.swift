import Tensors
import Words

extension DecoderConfiguration {
    /// What the metadata of a GGUF file say.
    ///
    /// The vocabulary is as long as the token embedding, which llama.cpp trusts too.
    /// Every key of the architecture is used, or refused by name (``GGUFKeys/refuseUnread(_:)``).
    /// Source: ggml `docs/gguf.md` ("LLM"), llama.cpp `llama-model.cpp` for what may be absent.
    init(_ file: GGUFParts) throws(ModelFileError) {
        let reader = try GGUFKeys(file)
        guard let description = GGUFDescription.all[reader.architecture] else {
            let supported = GGUFDescription.all.keys.sorted().joined(separator: ", ")
            throw ModelFileError(
                "architecture \(reader.architecture.quoted) is not supported; supported: "
                    + supported, file: file.path)
        }
        if try reader.integer("expert_count", default: 0) > 0 {
            throw reader.failure("expert_count", "tells a mixture of experts, not supported")
        }
        guard let embedding = file.entry("token_embd.weight"), embedding.shape.count == 2 else {
            throw ModelFileError(
                "is missing or no matrix", file: file.path,
                part: "tensor 'token_embd.weight'")
        }
        let width = try reader.count("embedding_length", default: nil)
        let headCount = try reader.count("attention.head_count", default: nil)
        let headDimension = try Self.headDimension(reader, width: width, headCount: headCount)
        self.init(
            modelType: description.modelType, vocabularySize: embedding.shape[0], width: width,
            layerCount: try reader.count("block_count", default: nil), headCount: headCount,
            keyValueHeadCount: try reader.count("attention.head_count_kv", default: headCount),
            headDimension: headDimension,
            feedForwardWidth: try reader.count("feed_forward_length", default: nil),
            maximumPositions: try reader.count("context_length", default: nil),
            normEpsilon: Float(try reader.positive(description.epsilonKey, default: nil)),
            rotary: RotaryConfiguration(
                theta: try reader.positive("rope.freq_base", default: 10_000)),
            tiedEmbeddings: file.entry("output.weight") == nil,
            bosToken: try reader.token("tokenizer.ggml.bos_token_id"),
            eosTokens: try Self.endTokens(reader))
        family = description.family
        norm = description.norm
        activation = description.activation
        try readRotary(reader, file)
        readBiases(file)
        try description.complete(&self, reader)
        try checkHeads(
            path: file.path, heads: reader.key("attention.head_count"),
            keyValueHeads: reader.key("attention.head_count_kv"),
            headDimension: reader.key("attention.key_length"))
        try checkTokens(
            path: file.path, bos: "tokenizer.ggml.bos_token_id",
            eos: "tokenizer.ggml.eos_token_id")
        try reader.refuseUnread(self)
    }

    /// A projection has a bias if the file holds one in any layer: all layers must then.
    private mutating func readBiases(_ file: GGUFParts) {
        let names = file.entries.compactMap { GGUFNames.transformersName(of: $0.name, self) }
            .filter { $0.hasSuffix(".bias") }
        biases = Set(
            family.projections.filter { kind in
                guard let module = family.modules[kind] else { return false }
                return names.contains { $0.hasSuffix(".\(module).bias") }
            })
        headBias = names.contains(family.head + ".bias")
    }

    private static func headDimension(
        _ reader: GGUFKeys, width: Int, headCount: Int
    ) throws(ModelFileError) -> Int {
        let told = try reader.integer("attention.key_length", default: 0)
        guard told != 0 || width.isMultiple(of: headCount) else {
            throw reader.failure(
                "attention.head_count",
                "is \(headCount), of which the width \(width) is no multiple")
        }
        let dimension = try reader.count("attention.key_length", default: width / headCount)
        let other = try reader.count("attention.value_length", default: dimension)
        guard other == dimension else {
            throw reader.failure(
                "attention.value_length",
                "is \(other), but only the head dimension \(dimension) is supported")
        }
        return dimension
    }

    /// The rotated part of a head, and how its frequencies are stretched.
    private mutating func readRotary(
        _ reader: GGUFKeys, _ file: GGUFParts
    ) throws(ModelFileError) {
        let rotated = try reader.count("rope.dimension_count", default: headDimension)
        let mayBePart = family == .gptNeoX || family == .phi3
        guard rotated == headDimension || mayBePart || family.positionEmbedding != nil else {
            throw reader.failure(
                "rope.dimension_count",
                "is \(rotated), but only the head dimension \(headDimension) is supported")
        }
        rotary.dimension = rotated == headDimension ? nil : rotated
        rotary.scaling = try Self.scaling(reader)
        guard file.entry("rope_freqs.weight") != nil else { return }
        let tensor = try file.tensor("rope_freqs.weight")
        let divisors = try tensor.floats().map(Double.init)
        guard rotary.scaling == .none, tensor.shape == [rotated / 2],
            divisors.allSatisfy({ $0.isFinite && $0 > 0 })
        else {
            throw ModelFileError(
                "must hold \(rotated / 2) numbers above zero, and stand without "
                    + reader.key("rope.scaling.type"),
                file: file.path, part: "tensor 'rope_freqs.weight'")
        }
        rotary.scaling = .divisors(divisors)
    }

    /// A factor without a type is linear, and `rope.scale_linear` is its name of 2023.
    private static func scaling(
        _ reader: GGUFKeys
    ) throws(ModelFileError) -> RotaryConfiguration.Scaling {
        let factor = try reader.optionalPositive("rope.scaling.factor")
        let oldFactor = try reader.optionalPositive("rope.scale_linear")
        if let factor, let oldFactor, factor != oldFactor {
            throw reader.failure(
                "rope.scale_linear", "is \(oldFactor), but rope.scaling.factor is \(factor)",
                hint: "Take the wrong one out of the file")
        }
        let found = factor ?? oldFactor
        switch try reader.text("rope.scaling.type", default: found == nil ? "none" : "linear") {
        case "none": return .none
        case "linear":
            guard let found else { throw reader.failure("rope.scaling.factor", "is missing") }
            return found == 1 ? .none : .linear(factor: found)
        case let type:
            throw reader.failure(
                "rope.scaling.type", "is \(type.quoted); supported: none, linear")
        }
    }

    /// The end of a text, then the end of a turn where that is another token.
    private static func endTokens(_ reader: GGUFKeys) throws(ModelFileError) -> [Int] {
        let text = try reader.token("tokenizer.ggml.eos_token_id")
        let turn = try reader.token("tokenizer.ggml.eot_token_id")
        return [text, text == turn ? nil : turn].compactMap { $0 }
    }
}

/// What a GGUF architecture is, beyond its numbers.
///
/// Source: llama.cpp `llama-model.cpp` (hyperparameters of each architecture).
struct GGUFDescription: Sendable {
    typealias Completion =
        @Sendable (inout DecoderConfiguration, GGUFKeys) throws(ModelFileError) -> Void

    /// transformers' name.
    let modelType: String
    let family: DecoderFamily
    var norm = DecoderConfiguration.NormKind.rootMeanSquare
    var activation = DecoderConfiguration.Activation.silu
    var complete: Completion = { _, _ throws(ModelFileError) in }

    var epsilonKey: String {
        norm == .layer ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon"
    }

    static let all: [String: GGUFDescription] = [
        "llama": GGUFDescription(modelType: "llama", family: .llama),
        "qwen2": GGUFDescription(modelType: "qwen2", family: .llama),
        "qwen3": GGUFDescription(modelType: "qwen3", family: .qwen3),
        "phi3": GGUFDescription(modelType: "phi3", family: .phi3) {
            decoder, keys throws(ModelFileError) in
            if let window = try keys.optionalCount("attention.sliding_window") {
                decoder.windows = [Int?](repeating: window, count: decoder.layerCount)
            }
        },
        "gpt2": GGUFDescription(
            modelType: "gpt2", family: .gpt2, norm: .layer, activation: .geluTanh),
        "gptneox": GGUFDescription(
            modelType: "gpt_neox", family: .gptNeoX, norm: .layer, activation: .geluExact
        ) { decoder, keys throws(ModelFileError) in
            decoder.parallelResidual = try keys.boolean("use_parallel_residual", default: true)
        },
        "gemma": GGUFDescription(
            modelType: "gemma", family: .llama, activation: .geluTanh
        ) { decoder, _ throws(ModelFileError) in
            decoder.embeddingScale = Float(Double(decoder.width).squareRoot())
        },
        "gemma2": GGUFDescription(
            modelType: "gemma2", family: .gemma2, activation: .geluTanh
        ) { decoder, keys throws(ModelFileError) in
            decoder.embeddingScale = Float(Double(decoder.width).squareRoot())
            decoder.scoreCap = try keys.positive("attn_logit_softcapping", default: 50)
            decoder.logitCap = try keys.positive("final_logit_softcapping", default: 30)
            // The file does not tell the scale; llama.cpp knows the largest model by its layers.
            if decoder.layerCount == 46 { decoder.scaleScoresByWidth() }
            try decoder.setWindows(
                keys, window: try keys.count("attention.sliding_window", default: 4096),
                everyFull: 2)
        },
        "gemma3": GGUFDescription(
            modelType: "gemma3_text", family: .gemma3, activation: .geluTanh
        ) { decoder, keys throws(ModelFileError) in
            decoder.embeddingScale = Float(Double(decoder.width).squareRoot())
            if decoder.layerCount == 62 { decoder.scaleScoresByWidth() }
            decoder.localRotary = RotaryConfiguration(
                theta: try keys.positive("rope.freq_base_swa", default: 10_000))
            decoder.logitCap = try keys.optionalPositive("final_logit_softcapping")
            try decoder.setWindows(
                keys, window: try keys.count("attention.sliding_window", default: nil),
                everyFull: 6)
        },
    ]
}

extension DecoderConfiguration {
    fileprivate mutating func scaleScoresByWidth() {
        attentionScale = 1 / (Double(width) / Double(headCount)).squareRoot()
    }

    /// Windows in all but every so many layers, or as `attention.sliding_window_pattern` says: that
    /// number, or for each layer whether it has one.
    fileprivate mutating func setWindows(
        _ keys: GGUFKeys, window: Int, everyFull: Int
    ) throws(ModelFileError) {
        let key = "attention.sliding_window_pattern"
        var everyFull = everyFull
        switch keys.value(key) {
        case nil: break
        case .integer: everyFull = try keys.count(key, default: nil)
        case .booleans(let list)? where list.count == layerCount:
            windows = list.map { $0 ? window : nil }
            return
        case .integers(let list)? where list.count == layerCount:
            windows = list.map { $0 != 0 ? window : nil }
            return
        case let other?:
            throw keys.wrong(key, other, "a number, or true or false for \(layerCount) layers")
        }
        windows = (0..<layerCount).map { ($0 + 1).isMultiple(of: everyFull) ? nil : window }
    }
}
