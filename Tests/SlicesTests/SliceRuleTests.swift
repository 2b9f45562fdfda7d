import Slices
import TestSupport
import Testing

@Suite struct SliceRuleTests {
    /// Samples of random lengths that begin with one of a few prefixes.
    private func randomSamples(_ count: Int, seed: Int) -> Samples {
        var numbers = SeededNumbers(seed: seed)
        var samples = Samples()
        for _ in 0..<count {
            let prefix = numbers.next(in: 1..<4)
            let tokens =
                [Int32](repeating: Int32(prefix), count: 5 * prefix)
                + (0..<numbers.next(in: 1..<30)).map { _ in Int32(numbers.next(in: 10..<13)) }
            samples.append(tokens: tokens, isTarget: tokens.map { _ in true })
        }
        return samples
    }

    /// Every sample once, no slice above its size, as few as can be, tokens as packed.
    @Test(arguments: [1, 2, 4, 7, 30], [true, false])
    func everySampleOnce(sliceSize: Int, sharesPrefixes: Bool) {
        let rule = SliceRule(sliceSize: sliceSize, sharesPrefixes: sharesPrefixes)
        for count in [1, 2, 5, 16, 23] {
            let samples = randomSamples(count, seed: count)
            let parts = rule.cut(Array(0..<count)[...], of: samples)
            #expect(parts.count == rule.sliceCount(samples: count))
            #expect(parts.flatMap(\.samples).sorted() == Array(0..<count))
            for part in parts {
                #expect(part.samples.count <= sliceSize)
                let slice = PackedSlice(
                    samples, indices: part.samples, sharesPrefixes: sharesPrefixes)
                #expect(slice.tokens.count == part.computedTokens)
            }
        }
        #expect(rule.cut([][...], of: Samples()).isEmpty)
    }

    /// The order in which a batch arrives means nothing; equal samples stand by index.
    @Test func functionOfTheBatchAlone() {
        let rule = SliceRule(sliceSize: 3, sharesPrefixes: true)
        let samples = randomSamples(10, seed: 3)
        let forwards = rule.cut(Array(0..<10)[...], of: samples)
        #expect(rule.cut(Array((0..<10).reversed())[...], of: samples) == forwards)
        var equal = Samples()
        for _ in 0..<4 { equal.append(tokens: [1, 2, 3], isTarget: [false, true, true]) }
        let parts = SliceRule(sliceSize: 2, sharesPrefixes: true).cut([3, 0, 2, 1][...], of: equal)
        #expect(parts.map { Array($0.samples) } == [[0, 1], [2, 3]])
        #expect(parts.map(\.computedTokens) == [2, 2])
    }

    /// No way to cut the same order has a smaller largest slice.
    @Test(arguments: 0..<20)
    func largestSliceIsSmallest(seed: Int) throws {
        let samples = randomSamples(9, seed: seed)
        let rule = SliceRule(sliceSize: 4, sharesPrefixes: true)
        let parts = rule.cut(Array(0..<9)[...], of: samples)
        let order = parts.flatMap(\.samples)
        func tokens(_ range: Range<Int>) -> Int {
            PackedSlice(samples, indices: order[range], sharesPrefixes: true).tokens.count
        }
        var best = Int.max
        for first in 1...4 {
            for second in first + 1...first + 4 where (5...8).contains(second) {
                best = min(
                    best, max(tokens(0..<first), tokens(first..<second), tokens(second..<9)))
            }
        }
        #expect(parts.map(\.computedTokens).max() == best)
    }
}
