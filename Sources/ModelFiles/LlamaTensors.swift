/// Names that llama.cpp gives to the weights of a LLaMA model.
enum LlamaTensors {
    /// Names that llama.cpp gives to the parts of a block, and transformers' names for them.
    ///
    /// Source: `gguf-py`, `tensor_mapping.py`; transformers, `modeling_llama.py`.
    private static let blockParts = [
        "attn_norm": "input_layernorm",
        "attn_q": "self_attn.q_proj",
        "attn_k": "self_attn.k_proj",
        "attn_v": "self_attn.v_proj",
        "attn_output": "self_attn.o_proj",
        "ffn_norm": "post_attention_layernorm",
        "ffn_gate": "mlp.gate_proj",
        "ffn_up": "mlp.up_proj",
        "ffn_down": "mlp.down_proj",
    ]

    private static let wholeNames = [
        "token_embd.weight": "model.embed_tokens.weight",
        "output_norm.weight": "model.norm.weight",
        "output.weight": "lm_head.weight",
    ]

    /// transformers' name for the tensor that llama.cpp calls `name`, or `nil` if it is none of a
    /// LLaMA model's.
    static func transformersName(ofGGUF name: String) -> String? {
        if let whole = wholeNames[name] { return whole }
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4, parts[0] == "blk", parts[3] == "weight",
            let layer = Int(parts[1]), layer >= 0, String(layer) == parts[1],
            let part = blockParts[String(parts[2])]
        else { return nil }
        return "model.layers.\(layer).\(part).weight"
    }

    /// Whether llama.cpp's converter interleaves the rows of the tensor that it calls `name`.
    static func isInterleaved(ofGGUF name: String) -> Bool {
        name.hasSuffix(".attn_q.weight") || name.hasSuffix(".attn_k.weight")
    }
}
