import Foundation
import Generation
import ModelFiles
import Testing
import Tokenization

@Suite struct GeneratorTests {
    let tiny: TinyModel

    init() throws { tiny = try TinyModel() }

    @Test func greedyTextIsWhatTransformersGenerates() throws {
        #expect(tiny.cases.count == 6)
        for expected in tiny.cases {
            var text = ""
            let outcome = try tiny.generator(adapter: expected.adapter).generate(
                prompt: expected.prompt, method: .greedy, maximumTokens: expected.tokens.count
            ) { text += $0 }
            #expect(outcome.promptTokens == expected.prompt_tokens.count)
            #expect(outcome.tokens == expected.tokens)
            #expect(text == expected.text)
            #expect(outcome.ending == .maximumTokens)
        }
    }

    @Test func aSeedDecidesTheText() throws {
        let generator = try tiny.generator(adapter: nil)
        func tokens(seed: UInt64) throws -> [Int32] {
            try generator.generate(
                prompt: "Name a river.", method: .nucleus(temperature: 1, topP: 1, seed: seed),
                maximumTokens: 16
            ) { _ in }.tokens
        }
        let first = try tokens(seed: 1)
        #expect(try tokens(seed: 1) == first)
        #expect(try tokens(seed: 2) != first)
    }

    /// At a high temperature every one of 512 tokens is about as probable, so that most of these
    /// texts come upon the end token.
    @Test func anEndTokenEndsTheTextAndIsNoPartOfIt() throws {
        let generator = try tiny.generator(adapter: nil)
        var endings: [TextGenerator.Ending] = []
        for seed in UInt64(0)..<8 {
            let outcome = try generator.generate(
                prompt: "A", method: .nucleus(temperature: 500, topP: 1, seed: seed),
                maximumTokens: 500
            ) { _ in }
            endings.append(outcome.ending)
            #expect(!outcome.tokens.contains(0), "seed \(seed)")
            #expect((outcome.ending == .maximumTokens) == (outcome.tokens.count == 500))
        }
        #expect(endings.contains(.endToken))
    }

    /// As transformers' `generate`; the end token of the tokenizer ends a text too, as that is what
    /// training puts there.
    @Test func anyEndOfGenerationConfigEndsTheText() throws {
        let expected = try #require(tiny.cases.first { $0.adapter == nil })
        let token = try #require(expected.tokens.dropFirst().first)
        let length = expected.tokens.firstIndex(of: token) ?? 0
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("generator-\(UUID().uuidString)")
        try FileManager.default.copyItem(
            at: URL(fileURLWithPath: tiny.folder), to: folder)
        defer { try? FileManager.default.removeItem(at: folder) }
        let settings = #"{"eos_token_id": [511, \#(token)]}"#
        try Data(settings.utf8).write(to: folder.appendingPathComponent("generation_config.json"))
        let files = try BaseModel.open(path: folder.path)
        let tokenizer = try Tokenizer(model: files)
        #expect(tokenizer.endToken == 0)
        #expect(tokenizer.stopTokens == [0])
        let outcome = try TextGenerator(
            model: files, tokenizer: tokenizer, adapter: nil, backend: tiny.backend
        ).generate(
            prompt: expected.prompt, method: .greedy, maximumTokens: expected.tokens.count
        ) { _ in }
        #expect(outcome.ending == .endToken)
        #expect(outcome.tokens == Array(expected.tokens[..<length]))
    }

    @Test func theTextEndsWithTheModelsPositions() throws {
        // Added tokens are one token each, so the prompt's length is known: 1,020 of 1,024.
        let prompt = String(repeating: "<|begin|>", count: 1020)
        let outcome = try tiny.generator(adapter: nil).generate(
            prompt: prompt, method: .greedy, maximumTokens: 50
        ) { _ in }
        #expect(outcome.promptTokens == 1020)
        #expect(outcome.ending == .positions)
        #expect(outcome.tokens.count == 4)
    }

    @Test func impossiblePromptsAreRefused() throws {
        let generator = try tiny.generator(adapter: nil)
        for prompt in ["", String(repeating: "<|begin|>", count: 1024)] {
            #expect(throws: GenerationError.self) {
                try generator.generate(prompt: prompt, method: .greedy, maximumTokens: 1) { _ in }
            }
        }
    }

    @Test func whatTheReceiverThrowsEndsTheText() throws {
        struct Full: Error {}
        #expect(throws: Full.self) {
            try tiny.generator(adapter: nil).generate(
                prompt: "Name a river.", method: .greedy, maximumTokens: 8
            ) { _ in throw Full() }
        }
    }
}
