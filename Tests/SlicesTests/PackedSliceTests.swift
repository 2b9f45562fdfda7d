import Slices
import TestSupport
import Testing

@Suite struct PackedSliceTests {
    private var samples: Samples {
        var samples = Samples()
        samples.append(tokens: [10, 11, 12, 13], isTarget: [false, false, true, true])
        samples.append(tokens: [20, 21], isTarget: [true, true])
        samples.append(tokens: [30, 31, 32], isTarget: [false, true, false])
        return samples
    }

    /// The row before a target predicts it; a first token has no row before it, and rows after the
    /// last target's are left out.
    @Test func rowsAndTargets() {
        let slice = PackedSlice(samples, indices: [2, 0, 1][...], sharesPrefixes: false)
        #expect(slice.tokens == [30, 10, 11, 12, 20])
        #expect(slice.positions == [0, 0, 1, 2, 0])
        #expect(slice.segments.map(\.rows) == [0..<1, 1..<4, 4..<5])
        #expect(slice.segments.map(\.parent) == [nil, nil, nil])
        #expect(slice.samples.map(\.sample) == [2, 0, 1])
        #expect(slice.samples.map(\.targets) == [0..<1, 1..<3, 3..<4])
        #expect(slice.targetRows == [0, 2, 3, 4])
        #expect(slice.targetTokens == [31, 12, 13, 21])
        #expect(slice.sampleTokens == 9)
        #expect(slice.targetQueries.positions == [0, 1, 2, 0])
        #expect(slice.targetQueries.runs.map(\.queries) == [0..<1, 1..<3, 3..<4])
    }

    /// Four samples that part after two tokens and after four, one of them a prefix of others, with
    /// a target on shared tokens:
    ///
    ///     1 2 ┬ 3 4 ┬ 5 (6)
    ///         │     └ 7 (8)
    ///         └ 9 (9)
    @Test func trie() {
        var samples = Samples()
        samples.append(tokens: [1, 2, 3, 4, 5], isTarget: [false, false, false, false, true])
        samples.append(
            tokens: [1, 2, 3, 4, 5, 6], isTarget: [false, false, true, false, true, true])
        samples.append(
            tokens: [1, 2, 3, 4, 7, 8], isTarget: [false, false, true, false, false, true])
        samples.append(tokens: [1, 2, 9, 9], isTarget: [false, false, true, true])
        let slice = PackedSlice(samples, indices: [0, 1, 2, 3][...], sharesPrefixes: true)
        #expect(slice.tokens == [1, 2, 3, 4, 5, 7, 9])
        #expect(slice.positions == [0, 1, 2, 3, 4, 4, 2])
        #expect(slice.segments.map(\.rows) == [0..<2, 2..<4, 4..<5, 5..<6, 6..<7])
        #expect(slice.segments.map(\.parent) == [nil, 0, 1, 1, 0])
        #expect(slice.segments.map(\.isContiguous) == [true, true, true, false, false])
        #expect(slice.samples.map(\.targets) == [0..<1, 1..<4, 4..<6, 6..<8])
        #expect(slice.targetRows == [3, 1, 3, 4, 1, 5, 1, 6])
        #expect(slice.targetTokens == [5, 3, 5, 6, 3, 8, 9, 9])
        let runs = slice.targetQueries.runs
        #expect(runs.map(\.segment) == [1, 0, 1, 2, 0, 3, 0, 4])
        #expect(runs.map(\.firstPosition) == [3, 1, 3, 4, 1, 4, 1, 2])
        // What the query of the last sample's last target sees: its own row, then those before.
        var stretches: [Range<Int>] = []
        slice.forEachStretch(seenBy: runs[7]) { rows, _ in stretches.append(rows) }
        #expect(stretches == [6..<7, 0..<2])
        #expect(slice.contiguousRows(seenBy: runs[3]) == 0..<5)
        #expect(slice.contiguousRows(seenBy: runs[7]) == nil)
    }

    /// Rows are the distinct prefixes of the samples, and a row's path spells its sample; packing
    /// into used memory gives the same as into new.
    @Test func randomTries() {
        var reused = PackedSlice()
        for seed in 0..<40 {
            var numbers = SeededNumbers(seed: seed)
            var samples = Samples()
            for _ in 0..<12 {
                let tokens = (0..<numbers.next(in: 1..<9)).map { _ in
                    Int32(numbers.next(in: 0..<2))
                }
                samples.append(
                    tokens: tokens, isTarget: tokens.map { _ in numbers.next(in: 0..<2) == 0 })
            }
            let rule = SliceRule(sliceSize: 12, sharesPrefixes: true)
            let parts = rule.cut(Array(0..<12)[...], of: samples)
            #expect(parts.count == 1)
            let slice = PackedSlice(samples, indices: parts[0].samples, sharesPrefixes: true)
            var prefixes: Set<[Int32]> = []
            for index in 0..<12 {
                let tokens = samples.tokens(index)
                for length in 0..<samples.computedLength(index) {
                    prefixes.insert(Array(tokens.prefix(length + 1)))
                }
            }
            #expect(
                slice.tokens.count == prefixes.count && parts[0].computedTokens == prefixes.count)
            expectTargets(of: slice, spell: samples)
            reused.pack(samples, parts[0], rule)
            #expect(reused.tokens == slice.tokens && reused.segments == slice.segments)
            #expect(reused.targetRows == slice.targetRows)
            #expect(reused.targetQueries.runs == slice.targetQueries.runs)
        }
    }

    /// Walking from each target's row to the beginning spells the sample up to the target.
    private func expectTargets(of slice: PackedSlice, spell samples: Samples) {
        for sample in slice.samples {
            let tokens = samples.tokens(sample.sample)
            let marks = samples.targetMarks(sample.sample)
            #expect(sample.targets.count == marks.reduce(0) { $0 + ($1 ? 1 : 0) })
            for target in sample.targets {
                let row = Int(slice.targetRows[target])
                var segment = slice.segments.first { $0.rows.contains(row) }
                var end = row + 1
                var path: [Int32] = []
                while let part = segment {
                    path = Array(slice.tokens[part.rows.lowerBound..<end]) + path
                    segment = part.parent.map { slice.segments[$0] }
                    end = segment?.rows.upperBound ?? 0
                }
                #expect(path == Array(tokens.prefix(path.count)))
                #expect(slice.targetTokens[target] == tokens[path.count])
                #expect(Int(slice.positions[row]) == path.count - 1)
            }
        }
    }

    @Test func boundsHoldAnySlice() {
        var bounds = SliceBounds()
        bounds.include(samples, sliceSize: 2)
        #expect(bounds.tokens == 4 && bounds.targets == 3 && bounds.longestSegment == 3)
        #expect(bounds.samples == 2)
        bounds.include(samples, sliceSize: 9)
        #expect(bounds.tokens == 5 && bounds.targets == 4 && bounds.samples == 3)
        var exact = SliceBounds()
        exact.include(PackedSlice(samples, indices: [0, 2][...], sharesPrefixes: true))
        #expect(exact.tokens == 4 && exact.targets == 3 && exact.longestSegment == 3)
    }
}
