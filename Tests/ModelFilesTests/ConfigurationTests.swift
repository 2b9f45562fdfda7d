import ModelFiles
import Testing

/// What `config.json` and GGUF metadata say about a model, and what they must not say.
@Suite struct ConfigurationTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// The error of opening a folder that has this `config.json` and no weights; a configuration
    /// that is accepted fails on the weights.
    private func expectRefusal(
        _ part: String, _ config: String, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        try folder.write("config.json", config)
        expectError("config.json", part, sourceLocation: sourceLocation) {
            try BaseModel.open(path: folder.path)
        }
    }

    private func expectAcceptance(
        _ config: String, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        try folder.write("config.json", config)
        expectError("neither model.safetensors nor", sourceLocation: sourceLocation) {
            try BaseModel.open(path: folder.path)
        }
    }

    @Test func readsTheKeysOfTransformers4() throws {
        let model = try BaseModel.open(path: Fixture.shared("tiny-llama"))
        #expect(
            model.configuration
                == DecoderConfiguration(
                    modelType: "llama", vocabularySize: 512, width: 64, layerCount: 3, headCount: 4,
                    keyValueHeadCount: 2, headDimension: 16, feedForwardWidth: 112,
                    maximumPositions: 1024, normEpsilon: 1e-6,
                    rotary: RotaryConfiguration(theta: 10_000), tiedEmbeddings: false, bosToken: 1,
                    eosTokens: [0]))
    }

    @Test func readsTheKeysOfTransformers5() throws {
        let model = try BaseModel.open(path: Fixture.shared("tiny-llama-tied-bf16"))
        #expect(
            model.configuration
                == DecoderConfiguration(
                    modelType: "llama", vocabularySize: 512, width: 48, layerCount: 2, headCount: 4,
                    keyValueHeadCount: 1, headDimension: 16, feedForwardWidth: 80,
                    maximumPositions: 1024, normEpsilon: 1e-5,
                    rotary: RotaryConfiguration(
                        theta: 500_000,
                        scaling: .llama3(
                            factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4,
                            originalMaximumPositions: 64)),
                    tiedEmbeddings: true, bosToken: 1, eosTokens: [0]))
    }

    @Test func readsMetadataOfGGUF() throws {
        let model = try BaseModel.open(path: Fixture.shared("tiny-llama-gguf/tiny-llama.gguf"))
        let folder = try BaseModel.open(path: Fixture.shared("tiny-llama"))
        #expect(model.configuration == folder.configuration)
        #expect(model.ggufMetadata?["general.architecture"] == .text("llama"))
        #expect(folder.ggufMetadata == nil)
    }

    @Test(arguments: [
        (#"{}"#, "model_type is missing"),
        (
            #"{"model_type":"mamba"}"#,
            "model_type 'mamba' is not supported; supported: gemma, gemma2, gemma3_text, gpt2"
        ),
        (#"{"model_type":7}"#, "model_type is 7, but must be a text"),
        (#"[]"#, "is no JSON object"),
        (#"{"model_type":"llama","hidden_act":"mish"}"#, "hidden_act 'mish' is not supported; sup"),
        (
            #"{"model_type":"gpt2","scale_attn_by_inverse_layer_idx":true}"#,
            "scale_attn_by_inverse_layer_idx true is not supported"
        ),
        (#"{"model_type":"gptj","rotary_dim":null}"#, "rotary_dim null is not supported"),
        (#"{"model_type":"gptj","rotary_dim":15}"#, "the rotated part of a head 15 is odd"),
        (#"{"model_type":"gpt_neox","rotary_pct":1.5}"#, "partial_rotary_factor 1.5 is not supp"),
        (
            #"{"model_type":"phi3","rope_scaling":{"type":"longrope","factor":2}}"#,
            "rope_type 'longrope' is not supported"
        ),
        (
            #"{"model_type":"gemma2","num_hidden_layers":2,"layer_types":["full_attention"]}"#,
            "layer_types has 1 entries, but there are 2 layers"
        ),
        (
            #"{"model_type":"gemma2","num_hidden_layers":1,"layer_types":["linear_attention"]}"#,
            "layer_types has 'linear_attention'; supported: full_attention, sliding_attention"
        ),
        (
            #"{"model_type":"gemma3_text","use_bidirectional_attention":true}"#,
            "use_bidirectional_attention true is not supported"
        ),
        (
            #"{"model_type":"gemma3_text","rope_parameters":{"rope_type":"default"}}"#,
            "must have a section for full_attention"
        ),
        (#"{"model_type":"llama","quantization_config":{"bits":4}}"#, "quantization_config is not"),
        (#"{"model_type":"llama","num_attention_heads":0}"#, "num_attention_heads is 0, but must"),
        (#"{"model_type":"llama","num_hidden_layers":-1}"#, "num_hidden_layers is -1, but must be"),
        (#"{"model_type":"llama","vocab_size":4294967296}"#, "vocab_size is 4294967296, but must"),
        (#"{"model_type":"llama","hidden_size":64.5}"#, "hidden_size is 64.5, but must be a whole"),
        (#"{"model_type":"llama","hidden_size":63}"#, "hidden_size 63 is no multiple of num_att"),
        (#"{"model_type":"llama","num_key_value_heads":3}"#, "num_attention_heads 32 is no multip"),
        (#"{"model_type":"llama","head_dim":15}"#, "head_dim 15 is odd"),
        (#"{"model_type":"llama","rms_norm_eps":0}"#, "rms_norm_eps is 0, but must be a number"),
        (#"{"model_type":"llama","rope_theta":"x"}"#, "rope_theta is 'x', but must be a number"),
        (#"{"model_type":"llama","tie_word_embeddings":1}"#, "tie_word_embeddings is 1, but must"),
        (#"{"model_type":"llama","eos_token_id":32000}"#, "eos_token_id 32000 lies outside"),
        (#"{"model_type":"llama","eos_token_id":[2,-1]}"#, "eos_token_id -1 lies outside the voc"),
        (
            #"{"model_type":"llama","rope_scaling":{"type":"yarn","factor":2}}"#,
            "rope_type 'yarn' is"
        ),
        (
            #"{"model_type":"llama","rope_scaling":{"type":"linear"}}"#,
            "rope_scaling: factor is mis"
        ),
        (
            #"{"model_type":"llama","rope_parameters":{"rope_type":"default","partial_rotary_factor":0.5}}"#,
            "partial_rotary_factor 0.5 is not supported for this model_type"
        ),
        (
            #"{"model_type":"llama","rope_scaling":{"rope_type":"llama3","factor":8,"low_freq_factor":4,"high_freq_factor":4}}"#,
            "low_freq_factor 4.0 must lie below high_freq_factor 4.0"
        ),
    ])
    func refuses(_ config: String, _ problem: String) throws {
        try expectRefusal(problem, config)
    }

    @Test func takesDefaultsFromLlamaConfig() throws {
        try expectAcceptance(#"{"model_type":"llama"}"#)
        try expectAcceptance(
            #"{"model_type":"llama","head_dim":null,"num_key_value_heads":null,"rope_scaling":null}"#
        )
    }

    @Test func readsGGUFScalingAndEnds() throws {
        var file = GGUFBytes.tinyLlama
        file.set("llama.rope.scaling.type", .text("linear"))
        file.set("llama.rope.scaling.factor", .float32(4))
        file.set("tokenizer.ggml.eot_token_id", .uint32(1))
        file.set("tokenizer.ggml.bos_token_id", .uint32(0))
        let model = try BaseModel.open(path: folder.write("a.gguf", file.bytes))
        #expect(model.configuration.rotary.scaling == .linear(factor: 4))
        #expect(model.configuration.rotary.theta == 10_000)
        #expect(model.configuration.eosTokens == [2, 1])
        #expect(model.configuration.bosToken == 0)
        #expect(model.configuration.tiedEmbeddings)
    }

    @Test func readsFrequencyDivisorsOfGGUF() throws {
        var file = GGUFBytes.tinyLlama
        var divisors = ByteWriter()
        for value: Float in [1, 8] { divisors.integer(value.bitPattern) }
        file.tensors.append(GGUFBytes.Tensor("rope_freqs.weight", [2], bytes: divisors.bytes))
        let model = try BaseModel.open(path: folder.write("a.gguf", file.bytes))
        #expect(model.configuration.rotary.scaling == .divisors([1, 8]))
        #expect(!model.hasTensor("rope_freqs.weight"))

        file.tensors[file.tensors.count - 1].bytes = [UInt8](repeating: 0, count: 8)
        expectError("tensor 'rope_freqs.weight'", "2 numbers above zero") {
            try BaseModel.open(path: folder.write("b.gguf", file.bytes))
        }
    }

    @Test(arguments: [
        ("general.architecture", GGUFBytes.Value.text("mamba"), "architecture 'mamba' is not supp"),
        ("general.architecture", nil, "is missing"),
        ("general.architecture", .uint32(1), "must be a text"),
        ("llama.block_count", nil, "'llama.block_count': is missing"),
        ("llama.block_count", .uint32(0), "is 0, but must be from 1"),
        ("llama.block_count", .uint32(2), "tensor 'model.layers.1.input_layernorm.weight': is mis"),
        ("llama.block_count", .uint32(1 << 30), "tensor 'model.layers.1.input_layernorm.weight'"),
        ("llama.attention.head_count", .uint32(3), "is 3, of which the width 8 is no multiple"),
        ("llama.attention.head_count_kv", .uint32(0), "is 0, but must be from 1"),
        ("llama.attention.head_count_kv", .uint32(3), "is no multiple"),
        ("llama.attention.key_length", .uint32(3), "is odd"),
        ("llama.attention.value_length", .uint32(2), "only the head dimension 4 is supported"),
        ("llama.rope.dimension_count", .uint32(2), "only the head dimension 4 is supported"),
        ("llama.rope.freq_base", .float32(0), "must be a number above zero"),
        ("llama.attention.layer_norm_rms_epsilon", .float32(.nan), "must be a number above zero"),
        ("llama.rope.scaling.type", .text("yarn"), "is 'yarn'; supported: none, linear"),
        ("llama.expert_count", .uint32(8), "mixture of experts"),
        ("tokenizer.ggml.eos_token_id", .uint32(3), "lies outside the vocabulary of 3"),
    ])
    func refusesMetadata(_ key: String, _ value: GGUFBytes.Value?, _ problem: String) {
        var file = GGUFBytes.tinyLlama
        file.set(key, value)
        expectError("a.gguf", problem) {
            try BaseModel.open(path: folder.write("a.gguf", file.bytes))
        }
    }
}
