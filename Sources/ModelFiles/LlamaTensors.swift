/// Names and shapes of the weights of a LLaMA model.
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

    /// Calls `body` with the name and shape of every weight that the model must have.
    static func forEachRequired<Failure: Error>(
        _ model: DecoderConfiguration,
        _ body: (_ name: String, _ shape: [Int]) throws(Failure) -> Void
    ) throws(Failure) {
        let queryWidth = model.headCount * model.headDimension
        let keyValueWidth = model.keyValueHeadCount * model.headDimension
        try body("model.embed_tokens.weight", [model.vocabularySize, model.width])
        for layer in 0..<model.layerCount {
            let block = "model.layers.\(layer)"
            try body("\(block).input_layernorm.weight", [model.width])
            try body("\(block).self_attn.q_proj.weight", [queryWidth, model.width])
            try body("\(block).self_attn.k_proj.weight", [keyValueWidth, model.width])
            try body("\(block).self_attn.v_proj.weight", [keyValueWidth, model.width])
            try body("\(block).self_attn.o_proj.weight", [model.width, queryWidth])
            try body("\(block).post_attention_layernorm.weight", [model.width])
            try body("\(block).mlp.gate_proj.weight", [model.feedForwardWidth, model.width])
            try body("\(block).mlp.up_proj.weight", [model.feedForwardWidth, model.width])
            try body("\(block).mlp.down_proj.weight", [model.width, model.feedForwardWidth])
        }
        try body("model.norm.weight", [model.width])
        if !model.tiedEmbeddings {
            try body("lm_head.weight", [model.vocabularySize, model.width])
        }
    }
}
