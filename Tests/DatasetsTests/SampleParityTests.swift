import Datasets
import Foundation
import Slices
import Testing
import Tokenization

/// Samples as plain Python and Hugging Face tokenizers build them; see the READMEs of the fixtures.
@Suite struct SampleParityTests {
    private struct Expected: Decodable {
        let row: Int
        let tokens: [Int32]
        let firstTarget: Int
    }

    /// `llama3` puts a begin token first, `smollm` does not.
    @Test(arguments: ["smollm", "llama3"])
    func filesGiveTheJudgesSamples(_ name: String) throws {
        let data = try Data(contentsOf: URL(fileURLWithPath: DataFile.fixture("expected.json")))
        let all = try JSONDecoder().decode([String: [String: [Expected]]].self, from: data)
        for (file, kind) in [
            ("alpaca.json", "alpaca"), ("alpaca.jsonl", "alpaca"), ("pairs.jsonl", "pairs"),
        ] {
            let dataset = try loadDataset(
                path: DataFile.fixture(file), format: nil, tokenizer: DataFile.tokenizer(name),
                maxLength: 120, skipBadLines: false)
            let expected = try #require(all[name]?[kind])
            #expect(dataset.samples.rows == expected.map(\.row))
            #expect(dataset.summary.withoutTarget == 40 - expected.count)
            for (index, sample) in expected.enumerated() {
                #expect(dataset.samples.tokens(index) == sample.tokens)
                let marks = sample.tokens.indices.map { $0 >= sample.firstTarget }
                #expect(dataset.samples.targetMarks(index) == marks)
            }
        }
    }

    /// What transformers says of the rows that the model fixtures train on.
    @Test(arguments: ["tiny-llama", "tiny-llama-tied-bf16"])
    func trainingRowsHaveTransformersTokens(_ model: String) throws {
        struct Reference: Decodable {
            struct Sample: Decodable {
                let tokens: [Int32]
                let prompt_tokens: Int
            }
            let samples: [String: [Sample]]
        }
        let fixtures = DataFile.tests.appendingPathComponent("Fixtures")
        let reference = try JSONDecoder().decode(
            Reference.self,
            from: Data(contentsOf: fixtures.appendingPathComponent("\(model)/reference.json")))
        let tokenizer = try Tokenizer(folder: fixtures.appendingPathComponent(model).path)
        for (set, file) in [("train", "train.jsonl"), ("held_out", "held-out.jsonl")] {
            let dataset = try loadDataset(
                path: fixtures.appendingPathComponent("tiny-llama/\(file)").path, format: .alpaca,
                tokenizer: tokenizer, maxLength: 1000, skipBadLines: false)
            let expected = try #require(reference.samples[set])
            #expect(dataset.samples.count == expected.count)
            for (index, sample) in expected.enumerated() {
                #expect(dataset.samples.tokens(index) == sample.tokens)
                let marks = sample.tokens.indices.map { $0 >= sample.prompt_tokens }
                #expect(dataset.samples.targetMarks(index) == marks)
            }
        }
    }
}
