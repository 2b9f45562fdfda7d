import Tensors

/// llama.cpp's names for the parts of a decoder: the same for every family.
///
/// Source: `gguf-py`, `constants.py` and `tensor_mapping.py`.
enum GGUFNames {
    private static let norms: [Substring: NormRole] = [
        "attn_norm": .input, "ffn_norm": .feedForward, "attn_q_norm": .query,
        "attn_k_norm": .key, "post_attention_norm": .afterAttention,
        "post_ffw_norm": .afterFeedForward,
    ]

    private static let projections: [Substring: ProjectionKind] = [
        "attn_q": .query, "attn_k": .key, "attn_v": .value, "attn_qkv": .queryKeyValue,
        "attn_output": .output, "ffn_gate": .gate, "ffn_up": .up, "ffn_down": .down,
    ]

    /// transformers' name for the tensor that llama.cpp calls `name`, or `nil` if it is no part of
    /// such a model.
    static func transformersName(of name: String, _ model: DecoderConfiguration) -> String? {
        let family = model.family
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard let kind = parts.last, kind == "weight" || kind == "bias" else { return nil }
        if parts.count == 2 {
            let isWeight = kind == "weight"
            let module: String? =
                switch parts[0] {
                case "token_embd": isWeight ? family.embedding : nil
                case "position_embd": isWeight ? family.positionEmbedding : nil
                case "output_norm": isWeight || model.norm == .layer ? family.finalNorm : nil
                case "output": family.head
                default: nil
                }
            return module.map { "\($0).\(kind)" }
        }
        guard parts.count == 4, parts[0] == "blk", let layer = Int(parts[1]), layer >= 0,
            String(layer) == parts[1]
        else { return nil }
        if let role = norms[parts[2]] {
            guard kind == "weight" || model.norm == .layer else { return nil }
            return family.path(of: role, layer: layer).map { "\($0).\(kind)" }
        }
        guard let projection = projection(parts[2], family) else { return nil }
        return "\(family.path(of: projection, layer: layer)).\(kind)"
    }

    private static func projection(_ part: Substring, _ family: DecoderFamily) -> ProjectionKind? {
        guard let kind = projections[part] else { return nil }
        if family.modules[kind] != nil { return kind }
        // Phi-3's fused projection goes by the name of its second half.
        return kind == .up && family.modules[.gateUp] != nil ? .gateUp : nil
    }

    /// In which order llama.cpp's converter leaves the rows of the tensor that it calls `name`.
    static func rowOrder(of name: String, _ model: DecoderConfiguration) -> RowOrder {
        let part = name.split(separator: ".").dropFirst(2).first
        switch (model.modelType, part) {
        case ("llama", "attn_q"), ("llama", "attn_k"):
            return .interleavedHalves(headDimension: model.headDimension)
        case (_, "attn_qkv") where model.family.fusedLayout == .perHead:
            return .separatedParts(heads: model.headCount, headDimension: model.headDimension)
        default: return .asModel
        }
    }
}
