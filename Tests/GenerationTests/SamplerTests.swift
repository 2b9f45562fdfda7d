import Foundation
import Generation
import Testing

@Suite struct SamplerTests {
    /// Logarithms of 1/2, 1/4, 1/8, 1/8 in another order: the softmax gives these back.
    private let logits = [0.125, 0.5, 0.125, 0.25].map { Float(log($0)) }

    private func counts(_ method: (UInt64) -> TokenSampler.Method, draws: Int) throws -> [Int] {
        var counts = [Int](repeating: 0, count: logits.count)
        var sampler = TokenSampler(method(11))
        for _ in 0..<draws {
            counts[Int(try sampler.next(logits))] += 1
        }
        return counts
    }

    @Test func greedyTakesTheFirstOfTheLargest() throws {
        var sampler = TokenSampler(.greedy)
        let token = try sampler.next([1, 3, 3, 2])
        #expect(token == 1)
    }

    /// 4,000 draws: a share p has the standard deviation √(4000·p·(1 − p)), at most 32.
    @Test func tokensComeAsOftenAsTheirProbability() throws {
        let counts = try counts(
            { .nucleus(temperature: 1, topP: 1, seed: $0) }, draws: 4000)
        for (count, share) in zip(counts, [0.125, 0.5, 0.125, 0.25]) {
            #expect(abs(Double(count) - 4000 * share) < 5 * 32, "\(counts)")
        }
    }

    /// 1/2 + 1/4 reach 0.7, so the nucleus is these two, as 2 to 1.
    @Test func theNucleusIsTheFewestTokensWithTheShare() throws {
        let counts = try counts(
            { .nucleus(temperature: 1, topP: 0.7, seed: $0) }, draws: 3000)
        #expect(counts[0] == 0 && counts[2] == 0)
        #expect(abs(counts[1] - 2000) < 5 * 26, "\(counts)")
    }

    @Test func aTinyShareIsGreedy() throws {
        let counts = try counts(
            { .nucleus(temperature: 1, topP: 1e-6, seed: $0) }, draws: 50)
        #expect(counts == [0, 50, 0, 0])
    }

    /// Half the temperature squares the probabilities: 16, 4, 1, 1 of 22.
    @Test func temperatureSharpens() throws {
        let counts = try counts(
            { .nucleus(temperature: 0.5, topP: 1, seed: $0) }, draws: 2200)
        for (count, expected) in zip(counts, [100, 1600, 100, 400]) {
            #expect(abs(count - expected) < 5 * 21, "\(counts)")
        }
    }

    @Test(arguments: [Float.nan, .infinity, -.infinity])
    func numbersThatAreNotFiniteAreRefused(bad: Float) {
        var sampler = TokenSampler(.greedy)
        #expect(throws: GenerationError.self) {
            try sampler.next([0, bad, 1])
        }
    }
}
