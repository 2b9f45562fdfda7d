import ModelFiles
import Testing

/// Keys of an architecture: used, known to change nothing, or refused by name.
@Suite struct GGUFKeysTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func open(
        _ file: GGUFBytes, _ changes: [(String, GGUFBytes.Value)]
    ) throws -> BaseModel {
        var file = file
        for (key, value) in changes { file.set(key, value) }
        return try BaseModel.open(path: folder.write("a.gguf", file.bytes))
    }

    private func scaling(
        _ changes: (String, GGUFBytes.Value)...
    ) throws -> RotaryConfiguration.Scaling {
        let keys = changes.map { ("llama.rope." + $0.0, $0.1) }
        return try open(.tinyLlama, keys).configuration.rotary.scaling
    }

    /// llama.cpp: the type is linear where none is told, `scale_linear` the name of 2023, 0 unset.
    @Test func aFactorWithoutATypeIsLinear() throws {
        #expect(try scaling(("scaling.factor", .float32(4))) == .linear(factor: 4))
        #expect(try scaling(("scale_linear", .float32(4))) == .linear(factor: 4))
        #expect(
            try scaling(("scaling.type", .text("linear")), ("scale_linear", .float32(2)))
                == .linear(factor: 2))
        #expect(
            try scaling(("scaling.factor", .float32(2)), ("scale_linear", .float32(2)))
                == .linear(factor: 2))
        #expect(try scaling(("scaling.factor", .float32(1))) == .none)
        #expect(try scaling(("scaling.factor", .float32(0))) == .none)
        #expect(
            try scaling(("scaling.type", .text("none")), ("scaling.factor", .float32(4))) == .none)
    }

    @Test func contradictingFactorsAreRefused() {
        expectError("'llama.rope.scale_linear'", "is 2.0, but rope.scaling.factor is 4.0") {
            try scaling(("scaling.factor", .float32(4)), ("scale_linear", .float32(2)))
        }
        expectError("'llama.rope.scaling.factor'", "is missing") {
            try scaling(("scaling.type", .text("linear")))
        }
    }

    /// Each with a value that changes nothing and one that changes what is computed.
    @Test(arguments: [
        ("logit_scale", GGUFBytes.Value.float32(1), GGUFBytes.Value.float32(0.5)),
        ("residual_scale", .float32(1), .float32(0.22)),
        ("embedding_scale", .float32(1), .float32(12)),
        ("attention.scale", .float32(0.5), .float32(0.25)),
        ("attention.output_scale", .float32(1), .float32(2)),
        ("attention.clamp_kqv", .float32(0), .float32(8)),
        ("attention.max_alibi_bias", .float32(0), .float32(8)),
        ("attention.sliding_window", .uint32(0), .uint32(4)),
        ("attention.sliding_window", .uint32(16), .uint32(15)),
        ("attention.causal", .boolean(true), .boolean(false)),
        ("attn_logit_softcapping", .float32(0), .float32(50)),
        ("final_logit_softcapping", .float32(0), .float32(30)),
        ("rope.scaling.attn_factor", .float32(1), .float32(1.1)),
        ("rope.scaling.yarn_ext_factor", .float32(0), .float32(1)),
        ("rope.scaling.yarn_log_multiplier", .float32(0), .float32(0.1)),
        ("rope.freq_base_swa", .float32(10_000), .float32(1_000_000)),
        ("embedding_length_out", .uint32(8), .uint32(4)),
        ("nextn_predict_layers", .uint32(0), .uint32(1)),
        ("leading_dense_block_count", .uint32(0), .uint32(1)),
        ("use_parallel_residual", .boolean(false), .boolean(true)),
        ("swin_norm", .boolean(false), .boolean(true)),
    ])
    func aKeyIsPassedOverOnlyWhereItChangesNothing(
        _ key: String, _ neutral: GGUFBytes.Value, _ effective: GGUFBytes.Value
    ) throws {
        let plain = try open(.tinyLlama, []).configuration
        #expect(try open(.tinyLlama, [("llama." + key, neutral)]).configuration == plain)
        expectError("metadata key 'llama.\(key)'", "is not supported for architecture 'llama'") {
            try open(.tinyLlama, [("llama." + key, effective)])
        }
    }

    @Test func notesArePassedOver() throws {
        _ = try open(
            .tinyLlama,
            [
                ("llama.vocab_size", .uint32(9)), ("llama.rope.scaling.finetuned", .boolean(true)),
                ("llama.tensor_data_layout", .text("Meta AI original pth")),
                ("llama.rope.scaling.original_context_length", .uint32(4)),
                ("llama.expert_count", .uint32(0)), ("llama.expert_used_count", .uint32(0)),
                ("llama.attention.layer_norm_epsilon", .float32(0.25)),
                ("general.license", .text("mit")), ("qwen2.logit_scale", .float32(3)),
            ])
    }

    @Test func anUnknownKeyIsRefusedByName() {
        expectError("'llama.attention.flux'", "is 0", "not known here") {
            try open(.tinyLlama, [("llama.attention.flux", .uint32(0))])
        }
    }

    @Test func windowsFollowThePatternOfTheFile() throws {
        #expect(try open(.tinyGemma2, []).configuration.windows == [4, nil, 4, nil])
        let pattern = "gemma2.attention.sliding_window_pattern"
        #expect(
            try open(.tinyGemma2, [(pattern, .uint32(3))]).configuration.windows
                == [4, 4, nil, 4])
        #expect(
            try open(.tinyGemma2, [(pattern, .booleans([false, true, true, false]))])
                .configuration.windows == [nil, 4, 4, nil])
        expectError(pattern, "an array of 1 booleans", "4 layers") {
            try open(.tinyGemma2, [(pattern, .booleans([true]))])
        }
    }

    @Test func layersBeyondTheMetadataAreRefused() {
        var file = GGUFBytes.tinyLlama
        file.tensors.append(GGUFBytes.Tensor("blk.1.attn_norm.weight", [8]))
        expectError("tensor 'model.layers.1.input_layernorm.weight'", "is not used", "1 layers") {
            try open(file, [])
        }
    }

    @Test func anAdapterIsNoModel() {
        expectError("holds no model: general.type is 'adapter'", "PEFT folders") {
            try open(.tinyLlama, [("general.type", .text("adapter"))])
        }
    }
}
