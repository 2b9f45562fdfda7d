import Adapters
import Foundation
import ModelFiles
import Tensors
import TestSupport
import Testing
import Transformer

@Suite(.timeLimit(.minutes(10))) struct MergeTests {
    struct Base: Sendable {
        let model: String
        let adapter: String
    }

    private static let bases = [
        Base(model: "tiny-llama", adapter: "tiny-llama/adapter-all"),
        Base(model: "tiny-llama-gguf/tiny-llama.gguf", adapter: "tiny-llama/adapter-all"),
        Base(model: "tiny-llama-tied-bf16", adapter: "tiny-llama-tied-bf16/adapter-all"),
    ]

    private let fixtures = Tool.fixtures
    private var data: String { fixtures + "/tiny-llama/held-out.jsonl" }

    private func losses(_ tool: Tool, _ arguments: [String]) throws -> [Double] {
        let file = "\(tool.scratch)/\(UUID().uuidString)"
        let result = try tool.lora(["eval", "--data", data, "--per-sample", file] + arguments)
        try #require(result.exitCode == 0, "\(result.errors)")
        return try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n").map {
            try #require(try Tool.numbers($0)["nll"])
        }
    }

    @Test(arguments: bases)
    func aMergedModelEvaluatesLikeBaseAndAdapter(base: Base) throws {
        let tool = try Tool()
        defer { tool.remove() }
        let (model, adapter) = ("\(fixtures)/\(base.model)", "\(fixtures)/\(base.adapter)")
        let out = tool.scratch + "/merged"
        let result = try tool.lora(
            "merge", "--model", model, "--adapter", adapter, "--out", out)
        try #require(result.exitCode == 0, "\(result.errors)")
        let alone = try losses(tool, ["--model", model])
        let expected = try losses(tool, ["--model", model, "--adapter", adapter])
        let merged = try losses(tool, ["--model", out])
        #expect(merged.count == 12)
        for (merged, expected) in zip(merged, expected) {
            #expect(abs(merged - expected) <= 1e-5 * expected)
        }
        // The adapter does something, so that the comparison means something.
        #expect(zip(alone, expected).contains { abs($0 - $1) > 1e-3 })
        try sameTokens(tool, model, out)
        try nothingElse(in: tool.scratch)
    }

    @Test(arguments: FamilyFixtures.names)
    func aMergedModelOfAFamilyEvaluatesLikeBaseAndAdapter(name: String) throws {
        let tool = try Tool()
        defer { tool.remove() }
        let (model, out) = (tool.scratch + "/model", tool.scratch + "/merged")
        try FamilyFixtures.link(name, at: model)
        let adapter = FamilyFixtures.folder(name) + "/adapter-all"
        let result = try tool.lora(
            "merge", "--model", model, "--adapter", adapter, "--out", out)
        try #require(result.exitCode == 0, "\(result.errors)")
        let expected = try losses(tool, ["--model", model, "--adapter", adapter])
        let merged = try losses(tool, ["--model", out])
        #expect(merged.count == 12)
        for (merged, expected) in zip(merged, expected) {
            #expect(abs(merged - expected) <= 1e-5 * expected)
        }
    }

    private func sameTokens(_ tool: Tool, _ model: String, _ merged: String) throws {
        let lines = "\(fixtures)/tiny-llama/train.jsonl"
        let own = try tool.lora("tokenize", "--model", model, lines)
        let other = try tool.lora("tokenize", "--model", merged, lines)
        #expect(own.exitCode == 0 && own.output.count > 1000)
        #expect(own.output == other.output)
    }

    /// No stage is left behind.
    private func nothingElse(in folder: String) throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: folder)
        #expect(!names.contains { $0.contains("merging") })
    }

    /// bfloat16 keeps 8 bits of a number, float16 11: half a unit in the last place of each.
    @Test(arguments: [(BlockFormat.bfloat16, 0x1p-8), (.float16, 0x1p-11)])
    func narrowTypesRoundEachWeight(type: BlockFormat, halfUnit: Double) throws {
        let tool = try Tool()
        defer { tool.remove() }
        let model = try BaseModel.open(path: fixtures + "/tiny-llama")
        let adapter = try PEFTAdapter(
            folder: fixtures + "/tiny-llama/adapter-all", model: model.configuration)
        let out = tool.scratch + "/merged"
        // 200,000 bytes hold the embedding or a layer and a half: several files and an index.
        _ = try MergedModelFolder(
            model: model, adapter: adapter.parameters, format: type,
            maximumShardBytes: 100_000
        ).write(to: out)
        let merged = try BaseModel.open(path: out)
        #expect(merged.files.count > 3)
        let exact = try AdapterMerge(model: model, adapter: adapter.parameters)
        for (name, shape) in model.requiredWeights {
            let stored = try merged.tensor(name)
            #expect(stored.format == type)
            let expected = try exact.withWeight(name, shape: shape) { Array($0) }
            for (value, wanted) in zip(try stored.floats(), expected) {
                // Below float16's normal numbers the step is 2⁻²⁴.
                let bound = max(Double(wanted.magnitude) * halfUnit, 0x1p-25)
                #expect(abs(Double(value) - Double(wanted)) <= bound)
            }
        }
    }

    /// `W₀ + s·B·A` in float64 by hand, for one element of one projection.
    @Test func aWeightIsTheSumOfTheFormula() throws {
        let model = try BaseModel.open(path: fixtures + "/tiny-llama")
        let adapter = try PEFTAdapter(
            folder: fixtures + "/tiny-llama/adapter-all", model: model.configuration)
        let layout = adapter.parameters.layout
        let pair = try #require(layout.pairs.first)
        let name = pair.modulePath + ".weight"
        let base = try model.tensor(name).floats()
        let merged = try AdapterMerge(model: model, adapter: adapter.parameters)
            .withWeight(name, shape: [pair.outputs, pair.inputs]) { Array($0) }
        let numbers = withExtendedLifetime(adapter) { Array(adapter.parameters.buffer.elements) }
        for (row, column) in [(0, 0), (3, 5), (pair.outputs - 1, pair.inputs - 1)] {
            var update = 0.0
            for inner in 0..<pair.adapterRank {
                let b = numbers[pair.b.lowerBound + row * pair.adapterRank + inner]
                let a = numbers[pair.a.lowerBound + inner * pair.inputs + column]
                update += Double(b) * Double(a)
            }
            let place = row * pair.inputs + column
            let scale = pair.alpha / Double(pair.adapterRank)
            let expected = Double(base[place]) + scale * update
            #expect(abs(Double(merged[place]) - expected) < 1e-6)
        }
    }

    @Test func nothingIsOverwrittenAndNothingLeftBehind() throws {
        let tool = try Tool()
        defer { tool.remove() }
        let model = fixtures + "/tiny-llama"
        let full = tool.scratch + "/full"
        try FileManager.default.createDirectory(atPath: full, withIntermediateDirectories: true)
        try "mine".write(toFile: full + "/note", atomically: true, encoding: .utf8)
        for (out, dtype) in [
            (full, "float32"), (tool.scratch + "/no/such", "float32"),
            (tool.scratch + "/new", "int8"),
        ] {
            let result = try tool.lora(
                "merge", "--model", model, "--adapter", model + "/adapter-all", "--out", out,
                "--dtype", dtype)
            #expect(result.exitCode == 78)
            #expect(result.errors.hasPrefix("error: "))
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: full) == ["note"])
        try nothingElse(in: tool.scratch)
    }
}
