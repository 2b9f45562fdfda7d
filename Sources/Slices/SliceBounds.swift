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
    /// share.
    public mutating func include(_ samples: Samples, sliceSize: Int) {
        let lengths = (0..<samples.count).map { samples.computedLength($0) }
        let targetCounts = (0..<samples.count).map { index in
            samples.isTarget[samples.range(index)].reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        func largest(_ values: [Int]) -> Int {
            values.sorted(by: >).prefix(sliceSize).reduce(0, +)
        }
        tokens = max(tokens, largest(lengths))
        targets = max(targets, largest(targetCounts))
        self.samples = max(self.samples, min(sliceSize, samples.count))
        longestSegment = max(longestSegment, lengths.max() ?? 0)
    }

    /// Grows to hold this slice.
    public mutating func include(_ slice: PackedSlice) {
        tokens = max(tokens, slice.tokens.count)
        targets = max(targets, slice.targetRows.count)
        samples = max(samples, slice.samples.count)
        longestSegment = max(longestSegment, slice.segments.map(\.endPosition).max() ?? 0)
    }
}
