import Adapters
import Foundation
import Kernels
import ModelFiles
import Slices
import Tensors
import TestSupport
import Testing
import Transformer

/// Losses and gradients against transformers + PEFT: in float64 for LLaMA, in float32 for the other
/// families.
///
/// Tolerances: float32 rounding alone moves losses by 2e-7 and gradients by 2e-6 (measured by the
/// fixture's script); 1e-5 and 1e-4 leave room for another order of summation, not for a mistake.
@Suite(.vectorLevelTurn) struct ParityTests {
    private static let fixtures =
        ["tiny-llama", "tiny-llama-tied-bf16"] + ParityFixture.families
    private static let rules = [(1, false), (4, false), (4, true), (16, true)].map {
        SliceRule(sliceSize: $0.0, sharesPrefixes: $0.1)
    }

    @Test(arguments: fixtures, rules)
    func perSampleLosses(name: String, rule: SliceRule) throws {
        let fixture = try ParityFixture(name)
        let runs = LaneRuns(
            model: fixture.model, samples: try fixture.samples("held_out"), rule: rule)
        for (adapterName, expected) in fixture.reference.held_out_nll {
            let parameters = adapterName == "base" ? nil : try fixture.adapter(adapterName)
            let found = runs.losses(parameters)
            #expect(found.count == expected.count)
            for (index, pair) in zip(found, expected).enumerated() {
                #expect(
                    abs(pair.0 - pair.1) <= 1e-5 * abs(pair.1),
                    "\(adapterName), sample \(index): \(pair.0), not \(pair.1)")
            }
        }
    }

    @Test(arguments: fixtures, rules)
    func gradients(name: String, rule: SliceRule) throws {
        let fixture = try ParityFixture(name)
        let runs = LaneRuns(
            model: fixture.model, samples: try fixture.samples("train"), rule: rule)
        for (adapterName, batch) in try #require(fixture.reference.batch) {
            let parameters = try fixture.adapter(adapterName)
            let expected = FloatBuffer(count: parameters.layout.parameterCount)
            try parameters.layout.parameterSet.read(
                safetensors: fixture.folder + "/gradients-\(adapterName).safetensors",
                into: expected)
            let sums = runs.lossesAndGradient(0..<batch.samples, parameters)
            let loss = sums.losses.reduce(0, +) / Double(sums.targets)
            #expect(abs(loss - batch.loss) <= 1e-5 * batch.loss)
            for tensor in parameters.layout.parameterSet.tensors {
                let mean = sums.gradient[tensor.range].map { $0 / Double(sums.targets) }
                let distance = relativeDistance(mean, expected.elements[tensor.range])
                #expect(distance <= 1e-4, "\(adapterName) \(tensor.name): \(distance)")
            }
        }
    }

    /// GGUF files of families other than LLaMA, as llama.cpp's converter writes them.
    @Test func perSampleLossesOfGGUFFiles() throws {
        let folder = ParityFixture.folder("families-gguf")
        let data = try Data(contentsOf: URL(fileURLWithPath: folder + "/reference.json"))
        let samples = try ParityFixture("tiny-llama").samples("held_out")
        for (name, expected) in try JSONDecoder().decode([String: [Double]].self, from: data) {
            let model = try LanguageModel(
                files: BaseModel.open(path: "\(folder)/\(name).gguf"),
                backend: Backend(level: .best), positions: 512)
            let runs = LaneRuns(
                model: model, samples: samples,
                rule: SliceRule(sliceSize: 4, sharesPrefixes: true))
            for (index, pair) in zip(runs.losses(nil), expected).enumerated() {
                #expect(
                    abs(pair.0 - pair.1) <= 1e-5 * abs(pair.1),
                    "\(name), sample \(index): \(pair.0), not \(pair.1)")
            }
        }
    }

    /// B = 0 is the base model, bit for bit.
    @Test func zeroAdapterIsTheBaseModel() throws {
        let fixture = try ParityFixture("tiny-llama")
        let runs = LaneRuns(
            model: fixture.model, samples: try fixture.samples("held_out"),
            rule: SliceRule(sliceSize: 4, sharesPrefixes: true))
        let layout = try fixture.adapter("adapter-all").layout
        let initial = LowRankParameters.initial(layout: layout, seed: 7)
        #expect(runs.losses(initial) == runs.losses(nil))
    }

    /// A layer that is computed again from its input gives the same bits.
    @Test(
        arguments: [("tiny-llama", "adapter-all"), ("tiny-llama", "adapter-qv")]
            + ParityFixture.families.flatMap { [($0, "adapter-all"), ($0, "adapter-initial")] })
    func recomputingChangesNothing(name: String, adapterName: String) throws {
        let fixture = try ParityFixture(name)
        let parameters = try fixture.adapter(adapterName)
        func run(recomputes: Bool) throws -> LaneRuns.Sums {
            LaneRuns(
                model: fixture.model, samples: try fixture.samples("train"),
                rule: SliceRule(sliceSize: 4, sharesPrefixes: true), recomputes: recomputes
            ).lossesAndGradient(0..<8, parameters)
        }
        let (kept, again) = try (run(recomputes: false), run(recomputes: true))
        #expect(kept.gradient == again.gradient && kept.losses == again.losses)
    }

    /// Adapting one projection alone gives its gradients of the full adapter, bit for bit: a
    /// backward pass that stops where nobody asks any more computes the same numbers.
    @Test(arguments: DecoderFamily.llama.projections)
    func stoppingEarlyChangesNothing(kind: ProjectionKind) throws {
        let fixture = try ParityFixture("tiny-llama")
        let runs = LaneRuns(
            model: fixture.model, samples: try fixture.samples("train"),
            rule: SliceRule(sliceSize: 4, sharesPrefixes: true))
        let full = try fixture.adapter("adapter-all")
        for layer in 0..<fixture.files.configuration.layerCount {
            let pair = try #require(full.layout.pair(layer: layer, projection: kind)).pair
            let place = pair.a.lowerBound..<pair.b.upperBound
            let part = LowRankParameters(
                layout: LowRankLayout(
                    adapterRank: full.layout.pairs[0].adapterRank,
                    alpha: full.layout.pairs[0].alpha,
                    projections: [(layer, kind)], model: fixture.files.configuration))
            let zeroed = LowRankParameters(layout: full.layout)
            for (index, element) in place.enumerated() {
                part.buffer.pointer[index] = full.buffer.pointer[element]
                zeroed.buffer.pointer[element] = full.buffer.pointer[element]
            }
            let whole = runs.lossesAndGradient(0..<4, zeroed)
            let early = runs.lossesAndGradient(0..<4, part)
            #expect(Array(whole.gradient[place]) == early.gradient, "layer \(layer)")
            #expect(early.gradient.contains { $0 != 0 })
        }
    }
}
