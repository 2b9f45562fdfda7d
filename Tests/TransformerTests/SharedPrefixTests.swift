import Adapters
import Kernels
import Slices
import TestSupport
import Testing
import Transformer

/// Sharing prefixes saves work and changes nothing else.
@Suite struct SharedPrefixTests {
    /// Random tries: samples that go on from a prefix of another one or begin anew, copies,
    /// prefixes of others, one-token samples, and marks anywhere, different on the same tokens.
    private func randomSamples(seed: Int) -> Samples {
        var numbers = SeededNumbers(seed: seed)
        var samples = Samples()
        // One copy at least, with other marks.
        var sequences: [[Int32]] = [[1, 2, 3, 4]]
        samples.append(tokens: sequences[0], isTarget: [false, false, true, true])
        samples.append(tokens: sequences[0], isTarget: [false, true, false, true])
        for _ in 0..<13 {
            var tokens: [Int32] = []
            if numbers.next(in: 0..<5) > 0 {
                let other = sequences[numbers.next(in: 0..<sequences.count)]
                tokens = Array(other.prefix(numbers.next(in: 0..<other.count + 1)))
            }
            let longest = [0, 1, 3, 20, 150][numbers.next(in: 0..<5)]
            for _ in 0..<numbers.next(in: 0..<longest + 1) {
                tokens.append(Int32(numbers.next(in: 0..<512)))
            }
            if tokens.isEmpty { tokens = [7] }
            let first = numbers.next(in: 0..<tokens.count)
            let holes = numbers.next(in: 0..<3)
            let marks = tokens.indices.map { position in
                holes == 0 ? position >= first : numbers.next(in: 0..<4) == 0
            }
            sequences.append(tokens)
            samples.append(tokens: tokens, isTarget: marks)
        }
        return samples
    }

    /// Sharing changes the sizes of matrix products and the order in which the gradients of shared
    /// rows are summed, so results agree to float32 rounding alone: over these seeds losses differ
    /// by at most 3e-7 and gradients by 2e-6 of their norm. Allowed is five times that; a wrong row
    /// shows as 1e-2 or more.
    @Test(arguments: 0..<12)
    func sameLossesAndGradients(seed: Int) throws {
        let fixture = try ParityFixture("tiny-llama")
        let samples = randomSamples(seed: seed)
        for (adapterName, sliceSize) in [("adapter-all", 15), ("adapter-qv", 5)] {
            let parameters = try fixture.adapter(adapterName)
            func run(_ sharesPrefixes: Bool) -> LaneRuns.Sums {
                LaneRuns(
                    model: fixture.model, samples: samples,
                    rule: SliceRule(sliceSize: sliceSize, sharesPrefixes: sharesPrefixes)
                ).lossesAndGradient(0..<samples.count, parameters)
            }
            let (shared, plain) = (run(true), run(false))
            #expect(shared.computedTokens < plain.computedTokens)
            #expect(shared.targets == plain.targets)
            for (index, pair) in zip(shared.losses, plain.losses).enumerated() {
                #expect(abs(pair.0 - pair.1) <= 1.5e-6 * pair.1, "seed \(seed), sample \(index)")
            }
            for tensor in parameters.layout.parameterSet.tensors {
                let distance = relativeDistance(
                    shared.gradient[tensor.range], plain.gradient[tensor.range])
                #expect(distance <= 1e-5, "seed \(seed), \(tensor.name): \(distance)")
            }
        }
    }

    /// A copy of a sample counts as much as the sample.
    @Test func copiesCountTwice() throws {
        let fixture = try ParityFixture("tiny-llama")
        let parameters = try fixture.adapter("adapter-all")
        let tokens: [Int32] = [5, 6, 7, 8, 9, 10]
        func run(copies: Int) -> LaneRuns.Sums {
            var samples = Samples()
            for _ in 0..<copies {
                samples.append(tokens: tokens, isTarget: [false, true, false, true, true, false])
            }
            return LaneRuns(
                model: fixture.model, samples: samples,
                rule: SliceRule(sliceSize: 3, sharesPrefixes: true)
            ).lossesAndGradient(0..<copies, parameters)
        }
        let (one, three) = (run(copies: 1), run(copies: 3))
        #expect(three.computedTokens == 4 && three.targets == 9)
        for loss in three.losses { #expect(abs(loss - one.losses[0]) <= 1e-6 * loss) }
        let tripled = one.gradient.map { 3 * $0 }
        #expect(relativeDistance(three.gradient, tripled) <= 1e-5)
    }
}
