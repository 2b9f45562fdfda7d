import Foundation
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10))) struct GenerateTests {
    private let model = Tool.fixtures + "/tiny-llama"

    private struct Fixture: Decodable {
        struct Case: Decodable {
            let adapter: String?
            let prompt: String
            let text: String
            let tokens: [Int]
        }
        let cases: [Case]
    }

    private var cases: [Fixture.Case] {
        get throws {
            try JSONDecoder().decode(
                Fixture.self,
                from: Data(contentsOf: URL(fileURLWithPath: model + "/generation.json"))
            ).cases
        }
    }

    /// The fixture's text ends in bytes that are no UTF-8 too, so this also tests the streaming.
    @Test func standardOutputIsTheTextAndNothingElse() throws {
        let tool = try Tool()
        defer { tool.remove() }
        for expected in try cases {
            let adapter = expected.adapter.map { ["--adapter", model + "/" + $0] } ?? []
            let result = try tool.lora(
                [
                    "generate", "--model", model, "--prompt", "-", "--greedy", "--max-tokens",
                    "\(expected.tokens.count)",
                ] + adapter, input: expected.prompt)
            #expect(result.exitCode == 0)
            #expect(result.output == expected.text)
            #expect(result.errors.isEmpty)
        }
    }

    @Test func instructionsUseTheTemplateOfTheTrainingData() throws {
        let tool = try Tool()
        defer { tool.remove() }
        let template = """
            Below is an instruction that describes a task, paired with an input that provides \
            further context. Write a response that appropriately completes the request.

            ### Instruction:
            Name it.

            ### Input:
            A river

            ### Response:

            """
        let byInstruction = try tool.lora(
            "generate", "--model", model, "--instruction", "Name it.", "--input", "A river",
            "--seed", "5")
        let byPrompt = try tool.lora(
            "generate", "--model", model, "--prompt", template, "--seed", "5")
        #expect(byInstruction.exitCode == 0)
        #expect(!byInstruction.output.isEmpty)
        #expect(byInstruction.output == byPrompt.output)
    }

    @Test(arguments: [
        ["--prompt", "", "--greedy"], ["--prompt", "x", "--instruction", "y"],
        ["--prompt", "x", "--input", "y"], ["--max-tokens", "0", "--prompt", "x"],
        ["--temperature", "0", "--prompt", "x"], ["--top-p", "1.5", "--prompt", "x"],
        ["--seed", "-1", "--prompt", "x"], ["--greedy", "--seed", "1", "--prompt", "x"],
    ])
    func wrongValuesAreNamed(_ flags: [String]) throws {
        let tool = try Tool()
        defer { tool.remove() }
        // A value that begins with a dash needs the equals sign.
        let joined =
            flags == ["--seed", "-1", "--prompt", "x"] ? ["--seed=-1", "--prompt=x"] : flags
        let result = try tool.lora(["generate", "--model", model] + joined)
        #expect(result.exitCode == 78)
        #expect(result.errors.hasPrefix("error: --"))
        #expect(result.errors.split(separator: "\n").count == 1)
    }
}
