import ChatTemplates
import Datasets
import Foundation
import Slices
import Testing
import Tokenization

/// Conversations as transformers tokenizes them; see the README of the fixtures.
@Suite struct ChatParityTests {
    private struct Expected: Decodable {
        struct Sample: Decodable {
            let tokens: [Int32]
            let targets: [Int]
        }
        let template: String
        let config: [String: String]
        let samples: [Sample]
    }

    /// Byte-level with and without a normalizer that rewrites characters, and SentencePiece's kind
    /// with and without a space put before the text.
    @Test(arguments: ["smollm", "qwen2", "llama2", "gemma"])
    func targetsAreTransformersAssistantTokens(_ name: String) throws {
        let data = try Data(
            contentsOf: URL(fileURLWithPath: DataFile.fixture("expected-chats.json")))
        let expected = try #require(
            try JSONDecoder().decode([String: Expected].self, from: data)[name])
        let dataset = try loadDataset(
            path: DataFile.fixture("chats.jsonl"), recipe: try recipe(name, expected), cache: nil)
        #expect(dataset.format == .chat)
        #expect(dataset.summary.badLines == 0)
        #expect(dataset.samples.count == expected.samples.count)
        for (index, sample) in expected.samples.enumerated() {
            #expect(dataset.samples.tokens(index) == sample.tokens)
            // Nothing predicts the first token, whoever says it.
            let marks = sample.targets.enumerated().map { $0 > 0 && $1 == 1 }
            #expect(dataset.samples.targetMarks(index) == marks)
        }
    }

    /// The tokenizer of a fixture with a chat template beside it, as in a model's folder.
    private func recipe(_ name: String, _ expected: Expected) throws -> SampleRecipe {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("chat-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.copyItem(
            at: DataFile.tests.appendingPathComponent(
                "TokenizationTests/Fixtures/\(name)/tokenizer.json"),
            to: folder.appendingPathComponent("tokenizer.json"))
        var settings = expected.config
        settings["chat_template"] = expected.template
        try JSONEncoder().encode(settings).write(
            to: folder.appendingPathComponent("tokenizer_config.json"))
        return SampleRecipe(
            tokenizer: try Tokenizer(folder: folder.path),
            chatTemplate: try ChatTemplate.find(path: folder.path), maxLength: 4000)
    }
}
