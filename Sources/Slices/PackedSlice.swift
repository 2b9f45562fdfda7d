/// The samples of one slice, packed one after the other without padding.
///
/// A slice is the unit of computation: its gradient depends on its content and on nothing else, so
/// it is never merged with another one or cut.
public struct PackedSlice: Sendable, Equatable {
    /// One sequence of positions that attend to each other.
    public struct Segment: Sendable, Equatable {
        /// Index of the sample.
        public let sample: Int
        /// Rows of the slice.
        public let rows: Range<Int>
        /// Entries of `targetRows`.
        public let targets: Range<Int>
        /// The segment whose positions come before this one's; for prefixes shared by samples.
        public let parent: Int?
    }

    /// One a row.
    public private(set) var tokens: [Int32] = []
    /// Position of each row in its sample.
    public private(set) var positions: [Int32] = []
    public private(set) var segments: [Segment] = []
    /// Rows whose next token is a target, rising.
    public private(set) var targetRows: [Int32] = []
    /// The token that each of `targetRows` should predict.
    public private(set) var targetTokens: [Int32] = []

    /// Packs the samples `indices` in their order.
    public init(_ samples: Samples, indices: ArraySlice<Int>) {
        let total = indices.reduce(0) { $0 + samples.length($1) }
        tokens.reserveCapacity(total)
        positions.reserveCapacity(total)
        for index in indices { append(samples, index) }
    }

    private mutating func append(_ samples: Samples, _ index: Int) {
        let range = samples.range(index)
        let (firstRow, firstTarget) = (tokens.count, targetRows.count)
        for (position, source) in range.enumerated() {
            if samples.isTarget[source] {
                targetRows.append(Int32(firstRow + position - 1))
                targetTokens.append(samples.tokens[source])
            }
            tokens.append(samples.tokens[source])
            positions.append(Int32(position))
        }
        segments.append(
            Segment(
                sample: index, rows: firstRow..<tokens.count,
                targets: firstTarget..<targetRows.count, parent: nil))
    }
}

/// Upper bounds of the slices of a run: what a lane's working memory must hold.
public struct SliceBounds: Sendable, Equatable {
    public private(set) var tokens = 0
    public private(set) var targets = 0
    public private(set) var longestSegment = 0

    public init() {}

    /// Grows to hold any slice of `sliceSize` of the `samples`, whatever their order.
    public mutating func include(_ samples: Samples, sliceSize: Int) {
        let lengths = (0..<samples.count).map { samples.length($0) }
        let targetCounts = (0..<samples.count).map { index in
            samples.isTarget[samples.range(index)].reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        func largest(_ values: [Int]) -> Int {
            values.sorted(by: >).prefix(sliceSize).reduce(0, +)
        }
        tokens = max(tokens, largest(lengths))
        targets = max(targets, largest(targetCounts))
        longestSegment = max(longestSegment, lengths.max() ?? 0)
    }
}
