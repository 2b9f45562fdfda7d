import Adapters
import Kernels
import ModelFiles
import Slices
import Tensors
import Testing
import Transformer

/// Losses and gradients against transformers + PEFT in float64.
///
/// Tolerances: float32 rounding alone moves losses by 2e-7 and gradients by 2e-6 (measured by the
/// fixture's script); 1e-5 and 1e-4 leave room for another order of summation, not for a mistake.
@Suite struct ParityTests {
    private static let fixtures = ["tiny-llama", "tiny-llama-tied-bf16"]

    @Test(arguments: fixtures)
    func perSampleLosses(name: String) throws {
        let fixture = try ParityFixture(name)
        let samples = try fixture.samples("held_out")
        for (adapterName, expected) in fixture.reference.held_out_nll {
            let parameters = adapterName == "base" ? nil : try fixture.adapter(adapterName)
            for sliceSize in [1, 4] {
                let found = losses(fixture, samples, parameters, sliceSize: sliceSize)
                #expect(found.count == expected.count)
                for (index, pair) in zip(found, expected).enumerated() {
                    #expect(
                        abs(pair.0 - pair.1) <= 1e-5 * abs(pair.1),
                        "\(adapterName), sample \(index): \(pair.0), not \(pair.1)")
                }
            }
        }
    }

    @Test(arguments: fixtures)
    func gradients(name: String) throws {
        let fixture = try ParityFixture(name)
        let samples = try fixture.samples("train")
        for (adapterName, batch) in try #require(fixture.reference.batch) {
            let parameters = try fixture.adapter(adapterName)
            let expected = FloatBuffer(count: parameters.layout.parameterCount)
            try parameters.layout.read(
                safetensors: fixture.folder + "/gradients-\(adapterName).safetensors",
                into: expected)
            let (loss, gradient) = lossAndGradient(
                fixture, samples, 0..<batch.samples, parameters, sliceSize: 4)
            #expect(abs(loss - batch.loss) <= 1e-5 * batch.loss)
            for tensor in parameters.layout.namedTensors {
                let distance = relativeDistance(
                    gradient[tensor.range], expected.elements[tensor.range])
                #expect(distance <= 1e-4, "\(adapterName) \(tensor.name): \(distance)")
            }
        }
    }

    /// B = 0 is the base model, bit for bit.
    @Test func zeroAdapterIsTheBaseModel() throws {
        let fixture = try ParityFixture("tiny-llama")
        let samples = try fixture.samples("held_out")
        let layout = try fixture.adapter("adapter-all").layout
        let initial = LowRankParameters.initial(layout: layout, seed: 7)
        #expect(
            losses(fixture, samples, initial, sliceSize: 4)
                == losses(fixture, samples, nil, sliceSize: 4))
    }

    /// Adapting only the last layer gives that layer's gradients of the full adapter, bit for bit:
    /// the backward pass that stops early computes the same numbers.
    @Test func stoppingEarlyChangesNothing() throws {
        let fixture = try ParityFixture("tiny-llama")
        let samples = try fixture.samples("train")
        let full = try fixture.adapter("adapter-qv")
        let last = fixture.files.configuration.layerCount - 1
        let layout = LowRankLayout(
            adapterRank: full.layout.adapterRank, alpha: full.layout.alpha,
            projections: [(last, .query), (last, .value)],
            sizes: fixture.files.configuration.size(of:))
        let zeroed = LowRankParameters(layout: full.layout)
        let part = LowRankParameters(layout: layout)
        let offset = full.layout.parameterCount - layout.parameterCount
        for index in 0..<layout.parameterCount {
            part.buffer.pointer[index] = full.buffer.pointer[offset + index]
            zeroed.buffer.pointer[offset + index] = full.buffer.pointer[offset + index]
        }
        let (_, whole) = lossAndGradient(fixture, samples, 0..<4, zeroed, sliceSize: 4)
        let (_, early) = lossAndGradient(fixture, samples, 0..<4, part, sliceSize: 4)
        #expect(Array(whole[offset...]) == early)
    }

    private func lane(
        _ fixture: ParityFixture, _ samples: Samples, _ layout: LowRankLayout?, sliceSize: Int
    ) -> Lane {
        var bounds = SliceBounds()
        bounds.include(samples, sliceSize: sliceSize)
        return Lane(
            model: fixture.model, layout: layout, bounds: bounds, training: layout != nil)
    }

    private func losses(
        _ fixture: ParityFixture, _ samples: Samples, _ parameters: LowRankParameters?,
        sliceSize: Int
    ) -> [Double] {
        let lane = lane(fixture, samples, parameters?.layout, sliceSize: sliceSize)
        return BatchSchedule.cut(Array(0..<samples.count)[...], sliceSize: sliceSize).flatMap {
            let slice = PackedSlice(samples, indices: $0)
            let losses = lane.losses(slice, parameters)
            return slice.segments.map { losses[$0.targets].reduce(0, +) }
        }
    }

    private func lossAndGradient(
        _ fixture: ParityFixture, _ samples: Samples, _ indices: Range<Int>,
        _ parameters: LowRankParameters, sliceSize: Int
    ) -> (loss: Double, gradient: [Float]) {
        let lane = lane(fixture, samples, parameters.layout, sliceSize: sliceSize)
        var (loss, targets) = (0.0, 0)
        var gradient = [Double](repeating: 0, count: parameters.layout.parameterCount)
        for cut in BatchSchedule.cut(Array(indices)[...], sliceSize: sliceSize) {
            let losses = lane.lossesAndGradient(PackedSlice(samples, indices: cut), parameters)
            loss += losses.reduce(0, +)
            targets += losses.count
            for index in gradient.indices {
                gradient[index] += Double(lane.gradient.pointer[index])
            }
        }
        return (loss / Double(targets), gradient.map { Float($0 / Double(targets)) })
    }
}
