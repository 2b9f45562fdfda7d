import Foundation
public import JSON
public import Tensors

extension BaseModel {
    /// Name and shape of every weight of the model as transformers' files have them, in the order of
    /// its modules.
    public var requiredWeights: [(name: String, shape: [Int])] {
        var weights: [(name: String, shape: [Int])] = []
        let transposes = configuration.family.storesTransposed
        configuration.forEachRequired { name, shape, isProjection throws(Never) in
            weights.append((name, isProjection && transposes ? shape.reversed() : shape))
        }
        return weights
    }

    /// A `config.json` for this model with weights of another type.
    ///
    /// A folder's own keys are kept; a GGUF file's are named as transformers 4 does, which later
    /// versions read too.
    ///
    /// - Parameter format: Float32, float16 or bfloat16.
    /// - Returns: A JSON object.
    /// - Throws: ``ModelFileError`` if `config.json` cannot be read, or if the rotary scaling of a
    ///   GGUF file has no name in transformers.
    public func huggingFaceConfiguration(
        format: BlockFormat
    ) throws(ModelFileError) -> JSONValue {
        let type: String
        switch format {
        case .float16: type = "float16"
        case .bfloat16: type = "bfloat16"
        default: type = "float32"
        }
        guard ggufMetadata == nil else {
            return .object(try ggufMembers(type: type))
        }
        let file = path + "/config.json"
        guard case .object(var members) = try JSONValue.read(path: file) else {
            throw ModelFileError("is no JSON object", file: file)
        }
        // transformers 4 says torch_dtype, 5 says dtype; the one that is there is set.
        if members["dtype"] != nil {
            members.set("dtype", .text(type))
            members.remove("torch_dtype")
        } else {
            members.set("torch_dtype", .text(type))
        }
        // What the files had, whatever this key said of it.
        if !configuration.tiedEmbeddings, members["tie_word_embeddings"] != .boolean(false) {
            members.set("tie_word_embeddings", .boolean(false))
        }
        return .object(members)
    }

    private func ggufMembers(type: String) throws(ModelFileError) -> JSONObject {
        let shape = configuration
        guard shape.modelType == "llama", shape.biases.isEmpty else {
            throw ModelFileError(
                "is a GGUF file of a \(shape.modelType) model, whose config.json cannot be told",
                file: path, hint: "Merge into the Hugging Face folder that the file was made from")
        }
        func count(_ value: Int) -> JSONValue { .integer(value) }
        let ends = shape.eosTokens.map(count)
        return JSONObject([
            ("architectures", .array([.text("LlamaForCausalLM")])),
            ("attention_bias", .boolean(false)),
            ("bos_token_id", shape.bosToken.map(count) ?? .null),
            ("eos_token_id", ends.count > 1 ? .array(ends) : ends.first ?? .null),
            ("head_dim", count(shape.headDimension)),
            ("hidden_act", .text("silu")),
            ("hidden_size", count(shape.width)),
            ("intermediate_size", count(shape.feedForwardWidth)),
            ("max_position_embeddings", count(shape.maximumPositions)),
            ("mlp_bias", .boolean(false)),
            ("model_type", .text(shape.modelType)),
            ("num_attention_heads", count(shape.headCount)),
            ("num_hidden_layers", count(shape.layerCount)),
            ("num_key_value_heads", count(shape.keyValueHeadCount)),
            // The shortest digits of the float32, not those of its neighbour in float64.
            ("rms_norm_eps", .number(Double("\(shape.normEpsilon)") ?? 0)),
            ("rope_scaling", try scaling()),
            ("rope_theta", .number(shape.rotary.theta)),
            ("tie_word_embeddings", .boolean(shape.tiedEmbeddings)),
            ("torch_dtype", .text(type)),
            ("vocab_size", count(shape.vocabularySize)),
        ])
    }

    private func scaling() throws(ModelFileError) -> JSONValue {
        switch configuration.rotary.scaling {
        case .none: return .null
        case .linear(let factor):
            return .object(
                JSONObject([("factor", .number(factor)), ("rope_type", .text("linear"))]))
        case .llama3(let factor, let low, let high, let positions):
            return Self.llama3(factor, low, high, positions)
        case .divisors(let divisors):
            guard let found = configuration.rotary.llama3Factor(of: divisors) else {
                throw ModelFileError(
                    "cannot be told as a rope_scaling of transformers", file: path,
                    part: "tensor 'rope_freqs.weight'",
                    hint: "Merge into the Hugging Face folder that the file was made from")
            }
            return Self.llama3(found, 1, 4, RotaryConfiguration.llama3Positions)
        }
    }

    private static func llama3(
        _ factor: Double, _ low: Double, _ high: Double, _ positions: Int
    ) -> JSONValue {
        .object(
            JSONObject([
                ("factor", .number(factor)), ("high_freq_factor", .number(high)),
                ("low_freq_factor", .number(low)),
                ("original_max_position_embeddings", .integer(positions)),
                ("rope_type", .text("llama3")),
            ]))
    }
}

extension RotaryConfiguration {
    /// What all Llama 3 models were first trained on.
    fileprivate static let llama3Positions = 8192

    /// The factor by which `divisors` are those of Llama 3's scaling, with its low and high
    /// frequency factors 1 and 4; `nil` if they are not.
    ///
    /// llama.cpp's converter computes them from the configuration and keeps only the result.
    /// Source: transformers, `modeling_rope_utils.py` (`llama3`).
    fileprivate func llama3Factor(of divisors: [Double]) -> Double? {
        guard let factor = divisors.max(), factor > 1 else { return nil }
        let positions = Double(Self.llama3Positions)
        for (pair, divisor) in divisors.enumerated() {
            let frequency = pow(theta, -Double(pair) / Double(divisors.count))
            let wavelength = 2 * Double.pi / frequency
            let smooth = min(1, max(0, (positions / wavelength - 1) / 3))
            let expected = 1 / ((1 - smooth) / factor + smooth)
            guard abs(divisor - expected) <= 1e-4 * expected else { return nil }
        }
        return factor
    }
}
