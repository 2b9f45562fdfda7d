import Foundation
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10))) struct EvalTests {
    private let model = Tool.fixtures + "/tiny-llama"
    private var data: String { model + "/held-out.jsonl" }

    @Test func digitsAreThoseOfTheRunsOwnEvaluations() throws {
        let tool = try Tool()
        defer { tool.remove() }
        let run = try tool.trainedRun()
        let metrics = try String(contentsOfFile: run + "/metrics.jsonl", encoding: .utf8)
        let recorded = try metrics.split(separator: "\n")
            .filter { $0.contains("\"kind\":\"evaluation\"") }.map { try Tool.numbers($0) }
        #expect(recorded.map { $0["step"] } == [0, 4])

        let steps = ["step-00000000", "step-00000004"].map { "\(run)/checkpoints/\($0)" }
        let adapters = zip([steps[0], steps[1], run, run + "/adapter"], [0, 1, 1, 1])
        for (adapter, index) in adapters {
            let result = try tool.lora(
                "eval", "--model", model, "--data", data, "--adapter", adapter, "--slice-size",
                "2", "--threads", "2", "--json")
            try #require(result.exitCode == 0, "\(result.errors)")
            let report = try Tool.numbers(result.output)
            for key in ["loss", "samples", "target_tokens"] {
                #expect(report[key] == recorded[index][key], "\(key) of \(adapter)")
            }
        }
    }

    @Test func lossesOfTheSamplesAreThoseOfTransformers() throws {
        let tool = try Tool()
        defer { tool.remove() }
        let file = tool.scratch + "/samples.jsonl"
        let result = try tool.lora(
            "eval", "--model", model, "--data", data, "--adapter", model + "/adapter-all",
            "--per-sample", file, "--json")
        try #require(result.exitCode == 0, "\(result.errors)")
        struct Reference: Decodable {
            let held_out_nll: [String: [Double]]
        }
        let reference = try JSONDecoder().decode(
            Reference.self, from: Data(contentsOf: URL(fileURLWithPath: model + "/reference.json")))
        let expected = try #require(reference.held_out_nll["adapter-all"])
        let lines = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n")
            .map { try Tool.numbers($0) }
        #expect(lines.map { $0["index"] } == expected.indices.map { Double($0) })
        for (line, nll) in zip(lines, expected) {
            #expect(abs(try #require(line["nll"]) - nll) <= 1e-5 * nll)
        }
        let total = try lines.reduce(0) { $0 + (try #require($1["nll"])) }
        let report = try Tool.numbers(result.output)
        let mean = total / (report["target_tokens"] ?? 0)
        #expect(abs((report["loss"] ?? 0) - mean) < 1e-9)
        #expect(abs((report["perplexity"] ?? 0) - exp(mean)) < 1e-6)
    }

    @Test func indicesCountTheFilesRecordsAndTheTableTellsWhatWasLeftOut() throws {
        let tool = try Tool()
        defer { tool.remove() }
        let (file, data) = (tool.scratch + "/samples.jsonl", tool.scratch + "/data.jsonl")
        let long = String(repeating: "wooden ladder ", count: 40)
        try """
        {"prompt": "A river", "completion": " is quiet"}
        {"prompt": 1}

        {"prompt": "A", "completion": "\(long)"}
        {"prompt": "\(long)", "completion": "x"}
        {"prompt": "A kettle", "completion": " is bright"}

        """.write(toFile: data, atomically: true, encoding: .utf8)
        let result = try tool.lora(
            "eval", "--model", model, "--data", data, "--per-sample", file, "--skip-bad-lines",
            "--max-length", "20")
        try #require(result.exitCode == 0, "\(result.errors)")
        let lines = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n")
        #expect(try lines.map { try Tool.numbers($0)["index"] } == [0, 2, 4])
        for row in ["bad lines", "1 skipped", "1 records left out", "1 samples at 20 tokens"] {
            #expect(result.output.contains(row), "\(row) in \(result.output)")
        }
    }

    @Test(arguments: [
        ["--slice-size", "0"], ["--threads", "x"], ["--format", "csv"], ["--max-length", "4096"],
        ["--kernels", "mmx"], ["--adapter", "/"], ["--data", "/nowhere"],
    ])
    func wrongValuesAreNamed(_ flags: [String]) throws {
        let tool = try Tool()
        defer { tool.remove() }
        var arguments = ["eval", "--model", model]
        if flags[0] != "--data" { arguments += ["--data", data] }
        let result = try tool.lora(arguments + flags)
        #expect(result.exitCode == 78)
        #expect(result.errors.hasPrefix("error: "))
        #expect(result.errors.split(separator: "\n").count == 1)
        #expect(result.errors.contains(flags[0]) || result.errors.contains(flags[1]))
        #expect(result.output.isEmpty)
    }
}
