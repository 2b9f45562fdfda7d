import Foundation
import JSON
import ModelFiles
import Tensors
import Testing

/// Tensors of a folder that the configuration does not ask for.
@Suite struct UnreadTensorsTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private typealias Named = (declaration: SafetensorsDeclaration, bytes: [UInt8])

    private func copy(_ name: String) throws -> String {
        let target = "\(folder.path)/\(UUID().uuidString)"
        try FileManager.default.copyItem(atPath: Fixture.shared(name), toPath: target)
        return target
    }

    /// A copy of `tiny-llama` with these tensors more, or with others of the same names.
    private func model(_ changes: [Named], tied: Bool = false) throws -> String {
        let model = try copy("tiny-llama")
        let path = model + "/model.safetensors"
        let file = try SafetensorsFile(path: path)
        let replaced = Set(changes.map(\.declaration.name))
        var tensors: [Named] = try file.names.filter { !replaced.contains($0) }.map { name in
            let stored = try file.tensor(name)
            return (
                SafetensorsDeclaration(name: name, shape: stored.shape), Self.bytes(of: stored)
            )
        }
        tensors += changes
        try Data(SafetensorsWriter.bytes(tensors: tensors, metadata: [:]))
            .write(to: URL(fileURLWithPath: path))
        if tied {
            let config = model + "/config.json"
            let text = try String(contentsOfFile: config, encoding: .utf8)
            try text.replacing(
                "\"tie_word_embeddings\": false", with: "\"tie_word_embeddings\": true"
            ).write(toFile: config, atomically: false, encoding: .utf8)
        }
        return model
    }

    private static func bytes(of stored: StoredTensor) -> [UInt8] {
        withExtendedLifetime(stored.file) { [UInt8](stored.bytes) }
    }

    private func zeros(_ name: String, _ count: Int = 4) -> Named {
        (
            SafetensorsDeclaration(name: name, shape: [count]),
            [UInt8](repeating: 0, count: 4 * count)
        )
    }

    @Test func moreLayersThanTheConfigurationAreTold() throws {
        let path = try model(
            ["c", "a", "b", "d"].map { zeros("model.layers.3.\($0).weight") })
        let model = try BaseModel.open(path: path)
        #expect(
            model.remarks == [
                "\(path)/model.safetensors: 4 tensors are not used, they belong to no part of this "
                    + "llama model: model.layers.3.a.weight, model.layers.3.b.weight, "
                    + "model.layers.3.c.weight and 1 more; config.json says 3 layers, the files "
                    + "have more"
            ])
    }

    @Test func tensorsOfAKnownLayerAreTold() throws {
        let bias = "model.layers.0.self_attn.q_proj.bias"
        let model = try BaseModel.open(path: try model([zeros(bias, 64)]))
        #expect(model.remarks.count == 1)
        #expect(model.remarks.first?.hasSuffix("llama model: \(bias)") == true)
    }

    @Test func tablesOfOldVersionsArePassedOver() throws {
        let names = [
            "model.layers.0.self_attn.rotary_emb.inv_freq", "h.0.attn.bias", "h.0.attn.masked_bias",
            "gpt_neox.layers.0.attention.bias", "embeddings.position_ids",
        ]
        #expect(try BaseModel.open(path: try model(names.map { zeros($0) })).remarks.isEmpty)
    }

    @Test func partsOfAnAdapterAreRefused() throws {
        let name = "model.layers.0.self_attn.q_proj.lora_A.default.weight"
        expectError("tensor '\(name)'", "part of an adapter") {
            try BaseModel.open(path: try model([zeros(name)]))
        }
    }

    /// transformers ties only where the two are equal, or one is missing.
    @Test func aTiedModelWithAnotherHeadUsesIt() throws {
        let model = try BaseModel.open(path: try model([], tied: true))
        #expect(!model.configuration.tiedEmbeddings)
        #expect(model.remarks.count == 1)
        #expect(model.remarks.first?.contains("another lm_head.weight, which is used") == true)
        let merged = try model.huggingFaceConfiguration(format: .float32)
        guard case .object(let members) = merged else { throw CancellationError() }
        #expect(members["tie_word_embeddings"] == .boolean(false))
    }

    @Test func aTiedModelWithTheSameHeadIsTied() throws {
        let file = try SafetensorsFile(path: Fixture.shared("tiny-llama") + "/model.safetensors")
        let embedding = try file.tensor("model.embed_tokens.weight")
        let head: Named = (
            SafetensorsDeclaration(name: "lm_head.weight", shape: embedding.shape),
            Self.bytes(of: embedding)
        )
        let model = try BaseModel.open(path: try model([head], tied: true))
        #expect(model.configuration.tiedEmbeddings && model.remarks.isEmpty)
    }

    /// Moves a tensor of one shard into another as well, in its own bytes or in zeros.
    private func withTensorTwice(zeros: Bool) throws -> String {
        let model = try copy("tiny-llama-tied-bf16")
        let name = "model.norm.weight"
        let shards = (1...3).map { "\(model)/model-0000\($0)-of-00003.safetensors" }
        let owner = try #require(
            try shards.first { try SafetensorsFile(path: $0).entry(name) != nil })
        let other = try #require(shards.first { $0 != owner })
        let bytes = Self.bytes(of: try SafetensorsFile(path: owner).tensor(name))
        let file = try SafetensorsFile(path: other)
        var tensors: [Named] = try file.names.map { name in
            let stored = try file.tensor(name)
            return (
                SafetensorsDeclaration(
                    name: name, format: .bfloat16, shape: stored.shape), Self.bytes(of: stored)
            )
        }
        tensors.append(
            (
                SafetensorsDeclaration(
                    name: name, format: .bfloat16, shape: [bytes.count / 2]),
                zeros ? bytes.map { _ in 0 } : bytes
            ))
        try Data(SafetensorsWriter.bytes(tensors: tensors, metadata: [:]))
            .write(to: URL(fileURLWithPath: other))
        return model
    }

    @Test func aTensorInTwoFilesIsOneOrRefused() throws {
        #expect(try BaseModel.open(path: try withTensorTwice(zeros: false)).remarks.isEmpty)
        expectError("tensor 'model.norm.weight'", "has another content than in") {
            try BaseModel.open(path: try withTensorTwice(zeros: true))
        }
    }

    /// What stands in a folder in place of safetensors, and what is advised.
    @Test(arguments: [
        (
            ["pytorch_model.bin", "pytorch_model.bin.index.json"], "only pytorch_model.bin",
            "save_pr"
        ),
        (["consolidated.00.pth"], "only consolidated.00.pth", "save_pretrained"),
        (["tf_model.h5"], "only tf_model.h5", "save_pretrained"),
        (["a.Q4_0.gguf"], "but a.Q4_0.gguf", "path of that file"),
        (["model-00002-of-00003.safetensors"], "but model-00002-of-00003", "without its index"),
    ])
    func otherWeightsAreCalledWhatTheyAre(
        _ names: [String], _ problem: String, _ advice: String
    ) throws {
        try folder.write("config.json", #"{"model_type": "llama"}"#)
        for name in names { try folder.write(name, "x") }
        expectError("neither model.safetensors nor", problem, advice) {
            try BaseModel.open(path: folder.path)
        }
    }
}
