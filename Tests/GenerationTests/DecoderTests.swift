import Foundation
import Kernels
import ModelFiles
import Slices
import TestSupport
import Testing
import Transformer

/// The cache of keys and values against the forward pass of training, which has none.
@Suite struct DecoderTests {
    let tiny: TinyModel

    init() throws { tiny = try TinyModel() }

    @Test(arguments: [nil, "adapter-all"] as [String?])
    func tokenByTokenGivesTheLossesOfALane(adapterName: String?) throws {
        let adapter = try tiny.adapter(adapterName)
        let tokens = try #require(tiny.cases.last).prompt_tokens
        let model = try tiny.model(positions: tokens.count)
        let uncached = laneLosses(tokens, model, adapter)
        let decoder = IncrementalDecoder(model: model, adapter: adapter, capacity: tokens.count)
        for (position, token) in tokens.dropLast().enumerated() {
            let cached = negativeLogLikelihood(decoder.append([token]), tokens[position + 1])
            #expect(abs(cached - uncached[position]) < 1e-5, "position \(position)")
        }
    }

    /// Every family, past the end of its windows.
    @Test(arguments: FamilyFixtures.names)
    func familiesGiveTheLossesOfALane(name: String) throws {
        let family = try TinyModel(family: name)
        let tokens = (0..<70).map { Int32(($0 * $0 * 37 + 5) % 512) }
        let model = try family.model(positions: tokens.count)
        let adapter = try family.adapter("adapter-all")
        let uncached = laneLosses(tokens, model, adapter)
        let decoder = IncrementalDecoder(model: model, adapter: adapter, capacity: tokens.count)
        var position = 0
        for count in [30, 1, 1, 20, 1, 16] {
            let logits = decoder.append(Array(tokens[position..<position + count]))
            let cached = negativeLogLikelihood(logits, tokens[position + count])
            position += count
            #expect(abs(cached - uncached[position - 1]) < 2e-5, "position \(position)")
        }
    }

    /// Blocks end at 256 tokens: one token less, just as many, one more, and two blocks and a bit.
    @Test(arguments: [1, 255, 256, 257, 530])
    func promptInBlocksGivesTheSameAsTokenByToken(count: Int) throws {
        let tokens = (0..<count).map { Int32($0 * 37 % 512) }
        let model = try tiny.model(positions: count)
        let adapter = try tiny.adapter("adapter-all")
        let inBlocks = IncrementalDecoder(model: model, adapter: adapter, capacity: count)
        let oneByOne = IncrementalDecoder(model: model, adapter: adapter, capacity: count)
        let whole = inBlocks.append(tokens)
        var last: [Float] = []
        for token in tokens {
            last = oneByOne.append([token])
        }
        #expect(inBlocks.count == count)
        let worst = zip(whole, last).map { abs($0 - $1) }.max() ?? .infinity
        #expect(worst < 1e-5, "logits differ by \(worst)")
    }

    /// The lane sees each candidate as a target, so its losses tell which is the most probable.
    @Test func greedyTokensAreTheArgmaxOfAFullForwardPass() throws {
        let first = try #require(tiny.cases.first { $0.adapter == "adapter-all" })
        let adapter = try tiny.adapter("adapter-all")
        let model = try tiny.model(positions: 64)
        var sequence = first.prompt_tokens
        for expected in first.tokens.prefix(6) {
            var samples = Samples()
            for candidate in 0..<Int32(model.configuration.vocabularySize) {
                samples.append(
                    tokens: sequence + [candidate],
                    isTarget: [Bool](repeating: false, count: sequence.count) + [true])
            }
            let lane = lane(samples, model, adapter)
            let slice = PackedSlice(
                samples, indices: Array(0..<samples.count)[...], sharesPrefixes: true)
            lane.slice = slice
            let losses = lane.losses(adapter)
            let best = try #require(losses.indices.min { losses[$0] < losses[$1] })
            #expect(Int32(best) == expected)
            sequence.append(expected)
        }
    }

    private func laneLosses(
        _ tokens: [Int32], _ model: LanguageModel<Backend>, _ adapter: LowRankParameters?
    ) -> [Double] {
        var samples = Samples()
        samples.append(tokens: tokens, isTarget: tokens.map { _ in true })
        let lane = lane(samples, model, adapter)
        lane.slice = PackedSlice(samples, indices: [0], sharesPrefixes: false)
        return Array(lane.losses(adapter))
    }

    private func lane(
        _ samples: Samples, _ model: LanguageModel<Backend>, _ adapter: LowRankParameters?
    ) -> Lane<Backend> {
        var bounds = SliceBounds()
        bounds.include(samples, sliceSize: samples.count)
        return Lane(model: model, layout: adapter?.layout, bounds: bounds, training: false)
    }

    private func negativeLogLikelihood(
        _ logits: [Float], _ target: Int32
    ) -> Double {
        let largest = Double(logits.max() ?? 0)
        let sum = logits.reduce(0) { $0 + exp(Double($1) - largest) }
        return log(sum) + largest - Double(logits[Int(target)])
    }
}
