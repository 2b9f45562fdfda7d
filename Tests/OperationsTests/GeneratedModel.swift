import Foundation
import ModelFiles
import Tensors
import TestSupport

/// A LLaMA model of random weights, larger than the process around it, with tiny-llama's tokenizer.
enum GeneratedModel {
    static let width = 384
    static let layers = 6
    static let feedForward = 1024

    /// Writes the model to a new folder.
    static func write(to folder: String) throws {
        let tiny = Programs.fixture("tiny-llama")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for name in ["tokenizer.json", "tokenizer_config.json"] {
            try FileManager.default.copyItem(
                atPath: "\(tiny)/\(name)", toPath: "\(folder)/\(name)")
        }
        try """
        {"model_type": "llama", "vocab_size": 512, "hidden_size": \(width),
         "num_hidden_layers": \(layers), "num_attention_heads": 6, "num_key_value_heads": 2,
         "intermediate_size": \(feedForward), "max_position_embeddings": 1024,
         "rms_norm_eps": 1e-6, "tie_word_embeddings": false, "bos_token_id": 1, "eos_token_id": 0}
        """.write(toFile: "\(folder)/config.json", atomically: true, encoding: .utf8)
        var shapes: [(String, [Int])] = [
            ("model.embed_tokens.weight", [512, width]), ("model.norm.weight", [width]),
            ("lm_head.weight", [512, width]),
        ]
        for layer in 0..<layers {
            let block = "model.layers.\(layer)."
            shapes += [
                (block + "input_layernorm.weight", [width]),
                (block + "post_attention_layernorm.weight", [width]),
                (block + "self_attn.q_proj.weight", [width, width]),
                (block + "self_attn.k_proj.weight", [128, width]),
                (block + "self_attn.v_proj.weight", [128, width]),
                (block + "self_attn.o_proj.weight", [width, width]),
                (block + "mlp.gate_proj.weight", [feedForward, width]),
                (block + "mlp.up_proj.weight", [feedForward, width]),
                (block + "mlp.down_proj.weight", [width, feedForward]),
            ]
        }
        var numbers = SeededNumbers(seed: 3)
        let tensors = shapes.map { name, shape in
            let values = numbers.array(shape.reduce(1, *), scale: 0.05)
            return (
                declaration: SafetensorsDeclaration(name: name, shape: shape),
                bytes: values.withUnsafeBytes { [UInt8]($0) }
            )
        }
        let bytes = try SafetensorsWriter.bytes(tensors: tensors, metadata: ["format": "pt"])
        try Data(bytes).write(to: URL(fileURLWithPath: folder + "/model.safetensors"))
    }
}
