import Files
import Foundation
import ModelFiles
import Tensors
import Testing

@Suite struct BaseModelTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// Copies a model's files, so that one of them can be spoilt.
    private func copy(_ name: String) throws -> String {
        let target = "\(folder.path)/\(name)"
        try FileManager.default.copyItem(atPath: Fixture.shared(name), toPath: target)
        return target
    }

    private let shard = "model-00001-of-00003.safetensors"
    private let index = "model.safetensors.index.json"

    @Test func opensOneFile() throws {
        let model = try BaseModel.open(path: Fixture.shared("tiny-llama"))
        #expect(
            model.files.map { URL(fileURLWithPath: $0.path).lastPathComponent }
                == ["config.json", "model.safetensors"])
        #expect(model.tensorNames.count == 3 + 3 * 9)
        let matrix = try model.matrix(
            "model.layers.2.mlp.down_proj.weight", rows: 64, columns: 112)
        #expect(matrix.format == .float32 && matrix.rowOrder == .asModel)
        #expect(
            try model.vector("model.norm.weight", count: 64).allSatisfy { (0...2).contains($0) })
        #expect(model.hasTensor("lm_head.weight") && !model.hasTensor("lm_head.bias"))
        expectError("tensor 'lm_head.bias'", "is missing") { try model.tensor("lm_head.bias") }
        expectError("model.safetensors, tensor 'model.norm.weight'", "has shape [64], but", "[63]")
        {
            try model.vector("model.norm.weight", count: 63)
        }
        expectError("tensor 'lm_head.weight'", "has shape [512, 64], but", "needs [64, 512]") {
            try model.matrix("lm_head.weight", rows: 64, columns: 512)
        }
    }

    @Test func opensShards() throws {
        let model = try BaseModel.open(path: Fixture.shared("tiny-llama-tied-bf16"))
        #expect(
            model.files.map { URL(fileURLWithPath: $0.path).lastPathComponent }
                == [
                    "config.json", shard, "model-00002-of-00003.safetensors",
                    "model-00003-of-00003.safetensors",
                ])
        #expect(!model.hasTensor("lm_head.weight"))
        #expect(try model.tensor("model.embed_tokens.weight").format == .bfloat16)
        #expect(try model.vector("model.layers.1.input_layernorm.weight", count: 48).count == 48)
    }

    /// Rows of Q and K of the GGUF file, taken through ``FrozenWeight/rowPointer(_:)``, are those
    /// of the folder that it was made from.
    @Test(arguments: [("q_proj", 64), ("k_proj", 32)])
    func undoesTheInterleavingOfRows(_ projection: String, _ rows: Int) throws {
        let name = "model.layers.0.self_attn.\(projection).weight"
        let stored = try BaseModel.open(path: Fixture.shared("tiny-llama-gguf/tiny-llama.gguf"))
            .matrix(name, rows: rows, columns: 64)
        let expected = try BaseModel.open(path: Fixture.shared("tiny-llama"))
            .tensor(name).floats()
        #expect(stored.rowOrder == .interleavedHalves(headDimension: 16))
        for row in 0..<rows {
            let bytes = stored.rowPointer(row)
            for column in 0..<64 {
                let value = expected[row * 64 + column]
                if projection == "q_proj" {
                    #expect(
                        bytes.loadUnaligned(fromByteOffset: column * 4, as: Float.self) == value)
                } else {
                    let half = bytes.loadUnaligned(fromByteOffset: column * 2, as: Float16.self)
                    #expect(half == Float16(value))
                }
            }
        }
    }

    @Test func namesAllTensorsOfGGUFAsTransformersDoes() throws {
        let folder = try BaseModel.open(path: Fixture.shared("tiny-llama"))
        let file = try BaseModel.open(path: Fixture.shared("tiny-llama-gguf/tiny-llama.gguf"))
        #expect(file.tensorNames == folder.tensorNames)
        for name in file.tensorNames {
            #expect(try file.tensor(name).shape == folder.tensor(name).shape)
            #expect(try file.tensor(name).name == name)
        }
    }

    @Test func refusesWhatIsNoModel() throws {
        expectError("/no/such/model", "No such file", "must exist on every node") {
            try BaseModel.open(path: "/no/such/model")
        }
        expectError("has no config.json") { try BaseModel.open(path: folder.path) }
        expectError("is not a regular file") { try BaseModel.open(path: "/dev/null") }
        expectError("is not a GGUF file") {
            try BaseModel.open(path: folder.write("x.txt", "some text"))
        }
        expectError("the file ends at byte 0") {
            try BaseModel.open(path: folder.write("empty", ""))
        }
    }

    @Test func namesAMissingShard() throws {
        let model = try copy("tiny-llama-tied-bf16")
        try FileManager.default.removeItem(atPath: "\(model)/\(shard)")
        expectError("\(model)/\(shard)", "No such file") { try BaseModel.open(path: model) }
    }

    @Test func followsLinksToRegularFilesOnly() throws {
        let model = try copy("tiny-llama-tied-bf16")
        try FileManager.default.moveItem(
            atPath: "\(model)/\(shard)", toPath: "\(folder.path)/blob")
        #expect(symlink("../blob", "\(model)/\(shard)") == 0)
        _ = try BaseModel.open(path: model)
        try FileManager.default.removeItem(atPath: "\(model)/\(shard)")
        #expect(symlink("/dev/zero", "\(model)/\(shard)") == 0)
        expectError(shard, "is not a regular file") { try BaseModel.open(path: model) }
    }

    @Test(arguments: ["../a", "/etc/passwd", "", ".", "..", "a/b", "a\\u0000b"])
    func refusesShardsOutsideTheFolder(_ shard: String) throws {
        let model = try copy("tiny-llama-tied-bf16")
        try Data("{\"weight_map\":{\"t\":\"\(shard)\"}}".utf8)
            .write(to: URL(fileURLWithPath: "\(model)/\(index)"))
        expectError("\(index), tensor 't'", "is no plain file name", "model's own folder") {
            try BaseModel.open(path: model)
        }
    }

    @Test func refusesALyingIndex() throws {
        let model = try copy("tiny-llama-tied-bf16")
        try Data("{\"weight_map\":{\"ghost\":\"\(shard)\"}}".utf8)
            .write(to: URL(fileURLWithPath: "\(model)/\(index)"))
        expectError("\(model)/\(shard), tensor 'ghost'", "is missing, though") {
            try BaseModel.open(path: model)
        }
        for content in ["{}", "{\"weight_map\":{}}", "{\"weight_map\":[]}", "[]"] {
            try Data(content.utf8).write(to: URL(fileURLWithPath: "\(model)/\(index)"))
            expectError(index, "has no weight_map") { try BaseModel.open(path: model) }
        }
    }

    @Test func refusesWeightsOfAnotherConfiguration() throws {
        let model = try copy("tiny-llama")
        let path = "\(model)/config.json"
        let config = try String(contentsOfFile: path, encoding: .utf8)
        func open(replacing old: String, with new: String) throws -> BaseModel {
            #expect(config.contains(old))
            try Data(config.replacingOccurrences(of: old, with: new).utf8)
                .write(to: URL(fileURLWithPath: path))
            return try BaseModel.open(path: model)
        }
        expectError("tensor 'model.layers.3.input_layernorm.weight'", "is missing") {
            try open(replacing: "\"num_hidden_layers\": 3", with: "\"num_hidden_layers\": 4")
        }
        expectError("tensor 'model.layers.0.self_attn.k_proj.weight'", "needs [64, 64]") {
            try open(replacing: "\"num_key_value_heads\": 2", with: "\"num_key_value_heads\": 4")
        }
        expectError("tensor 'model.embed_tokens.weight'", "needs [500, 64]") {
            try open(replacing: "\"vocab_size\": 512", with: "\"vocab_size\": 500")
        }
        // The file has a head of its own, whatever the configuration says.
        let tied = try open(
            replacing: "\"tie_word_embeddings\": false", with: "\"tie_word_embeddings\": true")
        #expect(!tied.configuration.tiedEmbeddings)
    }

    @Test func takesTheEndsOfGenerationConfigWhereItNamesAny() throws {
        let model = try copy("tiny-llama")
        let path = URL(fileURLWithPath: "\(model)/generation_config.json")
        for (text, ends) in [(#"{"eos_token_id": [5, 7]}"#, [5, 7]), ("{}", [0])] {
            try Data(text.utf8).write(to: path)
            #expect(try BaseModel.open(path: model).configuration.eosTokens == ends)
        }
    }

    @Test func refusesTensorsThatItWouldLeaveOut() throws {
        var file = GGUFBytes.tinyLlama
        file.tensors.append(GGUFBytes.Tensor("blk.0.attn_norm.bias", [8]))
        expectError("tensor 'blk.0.attn_norm.bias'", "not part of any llama model") {
            try BaseModel.open(path: folder.write("a.gguf", file.bytes))
        }
        for name in ["blk.00.attn_q.weight", "blk.-1.attn_q.weight", "blk.+0.attn_q.weight"] {
            file.tensors[file.tensors.count - 1].name = name
            expectError("tensor '\(name)'") {
                try BaseModel.open(path: folder.write("a.gguf", file.bytes))
            }
        }
    }

    @Test func refusesUnsupportedEncodingsAndBlocksInNorms() throws {
        var file = GGUFBytes.tinyLlama
        file.tensors[0] = GGUFBytes.Tensor("token_embd.weight", [8, 3], type: 26)
        expectError("tensor 'token_embd.weight'", "type I32 is not supported") {
            try BaseModel.open(path: folder.write("a.gguf", file.bytes))
        }
    }
}
