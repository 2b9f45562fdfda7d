import Generation
import Testing

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
