/// Upper bounds of the slices of a run: what a lane's working memory must hold.
public struct SliceBounds: Sendable, Hashable {
    /// Rows.
    public private(set) var tokens = 0
    public private(set) var targets = 0
    public private(set) var samples = 0
    /// Positions of the longest sequence that attends to itself.
    public private(set) var longestSegment = 0

    public init() {}

    /// Grows to hold any slice of `sliceSize` of the `samples`, whichever they are and whatever they
    /// share. O(longest sample), not O(samples): the lengths have been counted before.
    public mutating func include(_ samples: Samples, sliceSize: Int) {
        let lengths = samples.lengths
        tokens = max(tokens, SampleLengths.largest(sliceSize, of: lengths.computedLengths))
        targets = max(targets, SampleLengths.largest(sliceSize, of: lengths.targetCounts))
        self.samples = max(self.samples, min(sliceSize, samples.count))
        longestSegment = max(longestSegment, lengths.computedLengths.count - 1)
    }

    /// Grows to hold this slice.
    public mutating func include(_ slice: PackedSlice) {
        tokens = max(tokens, slice.tokens.count)
        targets = max(targets, slice.targetRows.count)
        samples = max(samples, slice.samples.count)
        longestSegment = max(longestSegment, slice.segments.map(\.endPosition).max() ?? 0)
    }
}
