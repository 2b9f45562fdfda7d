/// What a family of decoders is built from, and how transformers names it.
///
/// Which parts a layer has is told by what has a name here: a family without `.gate` and `.gateUp`
/// has a plain feed-forward block, one with norms for `.query` and `.key` normalises heads.
///
/// Source: transformers, `modeling_*.py` of each family.
public struct DecoderFamily: Sendable, Equatable {
    /// How the rows of a ``ProjectionKind/queryKeyValue`` weight lie.
    public enum FusedLayout: Sendable, Equatable {
        /// All queries, then all keys, then all values.
        case concatenated
        /// For each head its query, key and value.
        case perHead
    }

    /// Module of the token embedding, e.g. `model.embed_tokens`.
    public let embedding: String
    /// Module of learned positions; `nil` if queries and keys are rotated.
    public let positionEmbedding: String?
    /// Path of the layers without their number, e.g. `model.layers`.
    public let layers: String
    public let finalNorm: String
    /// Module of the output projection.
    public let head: String
    /// Paths inside a layer, e.g. `input_layernorm`.
    public let norms: [NormRole: String]
    /// Paths inside a layer, e.g. `self_attn.q_proj`.
    public let modules: [ProjectionKind: String]
    public let fusedLayout: FusedLayout
    /// Whether safetensors files hold projections as `[inputs, outputs]` (transformers' `Conv1D`).
    public let storesTransposed: Bool

    init(
        embedding: String, positionEmbedding: String? = nil, layers: String, finalNorm: String,
        head: String, norms: [NormRole: String], modules: [ProjectionKind: String],
        fusedLayout: FusedLayout = .concatenated, storesTransposed: Bool = false
    ) {
        self.embedding = embedding
        self.positionEmbedding = positionEmbedding
        self.layers = layers
        self.finalNorm = finalNorm
        self.head = head
        self.norms = norms
        self.modules = modules
        self.fusedLayout = fusedLayout
        self.storesTransposed = storesTransposed
    }

    /// The projections that a layer has, in the order of ``ProjectionKind``.
    public var projections: [ProjectionKind] {
        ProjectionKind.allCases.filter { modules[$0] != nil }
    }

    /// Whether the activation of one projection is multiplied by another one.
    public var isGated: Bool { modules[.gate] != nil || modules[.gateUp] != nil }

    /// Path of a projection as transformers and PEFT name it, e.g.
    /// `model.layers.3.self_attn.q_proj`.
    ///
    /// - Precondition: The family has it.
    public func path(of kind: ProjectionKind, layer: Int) -> String {
        guard let module = modules[kind] else { preconditionFailure("no \(kind) in this family") }
        return "\(layers).\(layer).\(module)"
    }

    /// The last part of a projection's path, by which adapters usually name it, e.g. `q_proj`; `nil`
    /// if the family lacks it. Several projections may share one.
    public func shortName(of kind: ProjectionKind) -> String? {
        modules[kind]?.split(separator: ".").last.map(String.init)
    }

    /// Path of a norm, or `nil` if the family has none there.
    public func path(of role: NormRole, layer: Int) -> String? {
        norms[role].map { "\(layers).\(layer).\($0)" }
    }
}

extension DecoderFamily {
    /// LLaMA, Mistral and Qwen2.
    public static let llama = DecoderFamily(
        embedding: "model.embed_tokens", layers: "model.layers", finalNorm: "model.norm",
        head: "lm_head",
        norms: [.input: "input_layernorm", .feedForward: "post_attention_layernorm"],
        modules: separateAttention.merging(gatedFeedForward) { first, _ in first })

    /// LLaMA with normalised heads.
    public static let qwen3 = DecoderFamily(
        embedding: "model.embed_tokens", layers: "model.layers", finalNorm: "model.norm",
        head: "lm_head",
        norms: [
            .input: "input_layernorm", .feedForward: "post_attention_layernorm",
            .query: "self_attn.q_norm", .key: "self_attn.k_norm",
        ],
        modules: separateAttention.merging(gatedFeedForward) { first, _ in first })

    public static let phi3 = DecoderFamily(
        embedding: "model.embed_tokens", layers: "model.layers", finalNorm: "model.norm",
        head: "lm_head",
        norms: [.input: "input_layernorm", .feedForward: "post_attention_layernorm"],
        modules: [
            .queryKeyValue: "self_attn.qkv_proj", .output: "self_attn.o_proj",
            .gateUp: "mlp.gate_up_proj", .down: "mlp.down_proj",
        ])

    public static let gemma2 = DecoderFamily(
        embedding: "model.embed_tokens", layers: "model.layers", finalNorm: "model.norm",
        head: "lm_head", norms: normsAroundBlocks,
        modules: separateAttention.merging(gatedFeedForward) { first, _ in first })

    public static let gemma3 = DecoderFamily(
        embedding: "model.embed_tokens", layers: "model.layers", finalNorm: "model.norm",
        head: "lm_head",
        norms: normsAroundBlocks.merging(
            [.query: "self_attn.q_norm", .key: "self_attn.k_norm"]
        ) { first, _ in first },
        modules: separateAttention.merging(gatedFeedForward) { first, _ in first })

    public static let gpt2 = DecoderFamily(
        embedding: "transformer.wte", positionEmbedding: "transformer.wpe",
        layers: "transformer.h", finalNorm: "transformer.ln_f", head: "lm_head",
        norms: [.input: "ln_1", .feedForward: "ln_2"],
        modules: [
            .queryKeyValue: "attn.c_attn", .output: "attn.c_proj", .up: "mlp.c_fc",
            .down: "mlp.c_proj",
        ], storesTransposed: true)

    public static let gptJ = DecoderFamily(
        embedding: "transformer.wte", layers: "transformer.h", finalNorm: "transformer.ln_f",
        head: "lm_head", norms: [.input: "ln_1"],
        modules: [
            .query: "attn.q_proj", .key: "attn.k_proj", .value: "attn.v_proj",
            .output: "attn.out_proj", .up: "mlp.fc_in", .down: "mlp.fc_out",
        ])

    public static let gptNeoX = DecoderFamily(
        embedding: "gpt_neox.embed_in", layers: "gpt_neox.layers",
        finalNorm: "gpt_neox.final_layer_norm", head: "embed_out",
        norms: [.input: "input_layernorm", .feedForward: "post_attention_layernorm"],
        modules: [
            .queryKeyValue: "attention.query_key_value", .output: "attention.dense",
            .up: "mlp.dense_h_to_4h", .down: "mlp.dense_4h_to_h",
        ], fusedLayout: .perHead)

    private static let separateAttention: [ProjectionKind: String] = [
        .query: "self_attn.q_proj", .key: "self_attn.k_proj", .value: "self_attn.v_proj",
        .output: "self_attn.o_proj",
    ]

    private static let gatedFeedForward: [ProjectionKind: String] = [
        .gate: "mlp.gate_proj", .up: "mlp.up_proj", .down: "mlp.down_proj",
    ]

    private static let normsAroundBlocks: [NormRole: String] = [
        .input: "input_layernorm", .afterAttention: "post_attention_layernorm",
        .feedForward: "pre_feedforward_layernorm",
        .afterFeedForward: "post_feedforward_layernorm",
    ]
}
