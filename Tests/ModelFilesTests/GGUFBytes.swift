/// A GGUF file put together by hand, so that each of its fields can lie.
struct GGUFBytes: Sendable {
    enum Value: Sendable {
        case uint16(UInt16)
        case uint32(UInt32)
        case boolean(Bool)
        case booleans([Bool])
        case float32(Float)
        case text(String)
        case texts([String])
        /// A type number and whatever follows it.
        case raw(UInt32, [UInt8])
    }

    struct Tensor: Sendable {
        var name: String
        /// Innermost first.
        var sizes: [UInt64]
        var type: UInt32 = 0
        var bytes: [UInt8]
        /// The offset that the table tells, if not the true one.
        var toldOffset: UInt64?

        init(_ name: String, _ sizes: [UInt64], type: UInt32 = 0, bytes: [UInt8]? = nil) {
            self.name = name
            self.sizes = sizes
            self.type = type
            self.bytes = bytes ?? [UInt8](repeating: 0, count: Int(sizes.reduce(1, *)) * 4)
        }
    }

    var magic = Array("GGUF".utf8)
    var version: UInt32 = 3
    var toldTensorCount: UInt64?
    var toldKeyCount: UInt64?
    var metadata: [(String, Value)] = []
    var tensors: [Tensor] = []
    var alignment = 32
    var trailer: [UInt8] = []

    var bytes: [UInt8] {
        var writer = ByteWriter()
        writer.bytes += magic
        writer.integer(version)
        writer.integer(toldTensorCount ?? UInt64(tensors.count))
        writer.integer(toldKeyCount ?? UInt64(metadata.count))
        for (key, value) in metadata {
            writer.text(key)
            append(value, to: &writer)
        }
        var offset = 0
        for tensor in tensors {
            writer.text(tensor.name)
            writer.integer(UInt32(tensor.sizes.count))
            for size in tensor.sizes { writer.integer(size) }
            writer.integer(tensor.type)
            writer.integer(tensor.toldOffset ?? UInt64(offset))
            offset += (tensor.bytes.count + alignment - 1) / alignment * alignment
        }
        writer.pad(to: alignment)
        for tensor in tensors {
            writer.bytes += tensor.bytes
            writer.pad(to: alignment)
        }
        return writer.bytes + trailer
    }

    private func append(_ value: Value, to writer: inout ByteWriter) {
        switch value {
        case .uint16(let number):
            writer.integer(UInt32(2))
            writer.integer(number)
        case .boolean(let value):
            writer.integer(UInt32(7))
            writer.integer(UInt8(value ? 1 : 0))
        case .booleans(let values):
            writer.integer(UInt32(9))
            writer.integer(UInt32(7))
            writer.integer(UInt64(values.count))
            for value in values { writer.integer(UInt8(value ? 1 : 0)) }
        case .uint32(let number):
            writer.integer(UInt32(4))
            writer.integer(number)
        case .float32(let number):
            writer.integer(UInt32(6))
            writer.integer(number.bitPattern)
        case .text(let text):
            writer.integer(UInt32(8))
            writer.text(text)
        case .texts(let texts):
            writer.integer(UInt32(9))
            writer.integer(UInt32(8))
            writer.integer(UInt64(texts.count))
            for text in texts { writer.text(text) }
        case .raw(let type, let bytes):
            writer.integer(type)
            writer.bytes += bytes
        }
    }

    /// Sets a key, replacing its value if it is there.
    mutating func set(_ key: String, _ value: Value?) {
        metadata.removeAll { $0.0 == key }
        if let value { metadata.append((key, value)) }
    }
}

extension GGUFBytes {
    /// A whole LLaMA model of one layer: width 8, two heads of 4 on one KV head, all weights zero.
    static var tinyLlama: GGUFBytes {
        var file = GGUFBytes()
        file.metadata = [
            ("general.architecture", .text("llama")),
            ("llama.context_length", .uint32(16)),
            ("llama.embedding_length", .uint32(8)),
            ("llama.block_count", .uint32(1)),
            ("llama.feed_forward_length", .uint32(12)),
            ("llama.attention.head_count", .uint32(2)),
            ("llama.attention.head_count_kv", .uint32(1)),
            ("llama.attention.layer_norm_rms_epsilon", .float32(0.5)),
            ("tokenizer.ggml.tokens", .texts(["a", "b", "c"])),
            ("tokenizer.ggml.eos_token_id", .uint32(2)),
        ]
        file.tensors = [
            Tensor("token_embd.weight", [8, 3]), Tensor("output_norm.weight", [8]),
            Tensor("blk.0.attn_norm.weight", [8]), Tensor("blk.0.attn_q.weight", [8, 8]),
            Tensor("blk.0.attn_k.weight", [8, 4]), Tensor("blk.0.attn_v.weight", [8, 4]),
            Tensor("blk.0.attn_output.weight", [8, 8]), Tensor("blk.0.ffn_norm.weight", [8]),
            Tensor("blk.0.ffn_gate.weight", [8, 12]), Tensor("blk.0.ffn_up.weight", [8, 12]),
            Tensor("blk.0.ffn_down.weight", [12, 8]),
        ]
        return file
    }

    /// A whole Gemma 2 model of four layers, in the shape of ``tinyLlama``.
    static var tinyGemma2: GGUFBytes {
        var file = tinyLlama
        file.metadata = file.metadata.map { key, value in
            (key.replacing("llama.", with: "gemma2."), value)
        }
        file.set("general.architecture", .text("gemma2"))
        file.set("gemma2.block_count", .uint32(4))
        file.set("gemma2.attention.sliding_window", .uint32(4))
        let layer = file.tensors.filter { $0.name.hasPrefix("blk.") }
        let norms = ["post_attention_norm", "post_ffw_norm"].map {
            Tensor("blk.0.\($0).weight", [8])
        }
        file.tensors.removeAll { $0.name.hasPrefix("blk.") }
        for number in 0..<4 {
            for tensor in layer + norms {
                var tensor = tensor
                tensor.name = tensor.name.replacing("blk.0.", with: "blk.\(number).")
                file.tensors.append(tensor)
            }
        }
        return file
    }
}
