import Slices
import Testing

@Suite struct PackedSliceTests {
    private var samples: Samples {
        var samples = Samples()
        samples.append(tokens: [10, 11, 12, 13], isTarget: [false, false, true, true])
        samples.append(tokens: [20, 21], isTarget: [true, true])
        samples.append(tokens: [30, 31, 32], isTarget: [false, true, false])
        return samples
    }

    /// The row before a target predicts it; a first token has no row before it.
    @Test func rowsAndTargets() {
        let slice = PackedSlice(samples, indices: [2, 0, 1][...])
        #expect(slice.tokens == [30, 31, 32, 10, 11, 12, 13, 20, 21])
        #expect(slice.positions == [0, 1, 2, 0, 1, 2, 3, 0, 1])
        #expect(slice.segments.map(\.rows) == [0..<3, 3..<7, 7..<9])
        #expect(slice.segments.map(\.sample) == [2, 0, 1])
        #expect(slice.segments.map(\.targets) == [0..<1, 1..<3, 3..<4])
        #expect(slice.targetRows == [0, 4, 5, 7])
        #expect(slice.targetTokens == [31, 12, 13, 21])
    }

    @Test func boundsHoldAnySlice() {
        var bounds = SliceBounds()
        bounds.include(samples, sliceSize: 2)
        #expect(bounds.tokens == 7 && bounds.targets == 3 && bounds.longestSegment == 4)
        bounds.include(samples, sliceSize: 9)
        #expect(bounds.tokens == 9 && bounds.targets == 4)
    }
}
