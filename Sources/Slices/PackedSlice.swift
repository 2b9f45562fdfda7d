/// The samples of one slice, packed without padding into rows of one position each.
///
/// A slice is the unit of computation: its gradient depends on its content and on nothing else, so
/// it is never merged with another one or cut.
///
/// With shared prefixes the rows form a trie: neighbours that begin with the same tokens go through
/// the same rows there. A row then predicts what follows in each of its samples, so it may be a
/// target several times. Rows after a sample's last target are left out: no loss depends on them.
public struct PackedSlice: Sendable {
    /// Consecutive positions that the same samples go through: a node of the trie.
    public struct Segment: Sendable, Equatable {
        /// Rows of the slice.
        public let rows: Range<Int>
        /// Position of the first row in its samples: how many keys lie before it.
        public let firstPosition: Int
        /// The segment whose positions come before this one's; `nil` where samples begin.
        public let parent: Int?
        /// Whether the rows of all positions before lie directly ahead, in order.
        public let isContiguous: Bool

        /// Position after the last row.
        public var endPosition: Int { firstPosition + rows.count }
    }

    /// Queries of one segment at consecutive positions.
    public struct QueryRun: Sendable, Equatable {
        public let segment: Int
        /// Position of the first query: how many keys lie before its own.
        public let firstPosition: Int
        /// Rows of the queries' matrix.
        public let queries: Range<Int>

        /// Positions that the last query sees, its own included.
        public var seenPositions: Int { firstPosition + queries.count }
    }

    /// The rows at which a layer computes more than keys and values: one query each.
    public struct Queries: Sendable {
        /// Rows of the slice, which may repeat; `nil` if the queries are the slice's rows.
        public let rows: [Int32]?
        public let positions: [Int32]
        public let runs: [QueryRun]

        public var count: Int { positions.count }
    }

    /// Where the targets of a sample are.
    public struct SampleTargets: Sendable, Equatable {
        /// Index of the sample.
        public let sample: Int
        /// Entries of ``PackedSlice/targetRows``.
        public let targets: Range<Int>
    }

    /// One a row.
    public private(set) var tokens: [Int32] = []
    /// Position of each row in its samples.
    public private(set) var positions: [Int32] = []
    /// Parents before their children.
    public private(set) var segments: [Segment] = []
    /// In the order of packing.
    public private(set) var samples: [SampleTargets] = []
    /// Rows whose next token is a target: those of the first sample, then those of the second…
    public private(set) var targetRows: [Int32] = []
    /// The token that each of `targetRows` should predict.
    public private(set) var targetTokens: [Int32] = []
    /// Tokens of the samples, however many rows they share.
    public private(set) var sampleTokens = 0

    private var targetPositions: [Int32] = []
    private var segmentRuns: [QueryRun] = []
    private var targetRuns: [QueryRun] = []
    private var trie = TrieCursor()

    /// An empty slice with room for any slice within `bounds`.
    public init(reserving bounds: SliceBounds = SliceBounds()) {
        // Each sample adds at most one end and one branch.
        let segmentCount = min(2 * bounds.samples, bounds.tokens)
        tokens.reserveCapacity(bounds.tokens)
        positions.reserveCapacity(bounds.tokens)
        segments.reserveCapacity(segmentCount)
        segmentRuns.reserveCapacity(segmentCount)
        samples.reserveCapacity(bounds.samples)
        targetRows.reserveCapacity(bounds.targets)
        targetTokens.reserveCapacity(bounds.targets)
        targetPositions.reserveCapacity(bounds.targets)
        targetRuns.reserveCapacity(bounds.targets)
        trie.reserve(longestSample: bounds.longestSegment, sampleCount: bounds.samples)
    }

    /// Packs the samples `indices` in their order.
    public init(_ samples: Samples, indices: ArraySlice<Int>, sharesPrefixes: Bool) {
        self.init()
        pack(samples, indices: indices, sharesPrefixes: sharesPrefixes)
    }

    /// New rows of one sequence, whose earlier positions lie elsewhere: what they see are rows
    /// `0 ..< past + tokens.count` of keys that hold both. They have no targets.
    public init(tokens: [Int32], after past: Int) {
        self.tokens = tokens
        positions = tokens.indices.map { Int32(past + $0) }
        segments = [
            Segment(
                rows: past..<past + tokens.count, firstPosition: past, parent: nil,
                isContiguous: true)
        ]
        segmentRuns = [QueryRun(segment: 0, firstPosition: past, queries: 0..<tokens.count)]
    }

    /// Packs one part of a batch into the same memory.
    public mutating func pack(_ samples: Samples, _ part: SliceRule.Part, _ rule: SliceRule) {
        pack(samples, indices: part.samples, sharesPrefixes: rule.sharesPrefixes)
    }

    /// Every row, as the queries of a layer.
    public var allQueries: Queries {
        Queries(rows: nil, positions: positions, runs: segmentRuns)
    }

    /// The target rows, as the queries of a layer; in the order of ``targetRows``.
    public var targetQueries: Queries {
        Queries(rows: targetRows, positions: targetPositions, runs: targetRuns)
    }

    /// Packs other samples into the same memory.
    ///
    /// - Parameters:
    ///   - all: Where the samples lie.
    ///   - indices: Which, in their order.
    ///   - sharesPrefixes: Whether each sample shares the rows that it has in common with the one
    ///     before it. Samples in the order of ``SliceRule`` share all that can be shared.
    public mutating func pack(
        _ all: Samples, indices: ArraySlice<Int>, sharesPrefixes: Bool
    ) {
        removeAll()
        trie.begin(all, indices, sharesPrefixes: sharesPrefixes)
        for (place, index) in indices.enumerated() {
            appendRows(all, index, place)
            appendTargets(all, index)
            sampleTokens += all.length(index)
        }
    }

    /// The rows that `run` sees, if they lie side by side in the order of positions.
    public func contiguousRows(seenBy run: QueryRun) -> Range<Int>? {
        let segment = segments[run.segment]
        guard segment.isContiguous else { return nil }
        let first = segment.rows.lowerBound - segment.firstPosition
        return first..<first + run.seenPositions
    }

    /// Calls `body` with the rows that `run` sees and the positions that they have in its samples,
    /// segment by segment, the last one first.
    public func forEachStretch(
        seenBy run: QueryRun, _ body: (_ rows: Range<Int>, _ positions: Range<Int>) -> Void
    ) {
        var next: Int? = run.segment
        while let index = next {
            let segment = segments[index]
            let first = segment.firstPosition
            let count = min(segment.endPosition, run.seenPositions) - first
            body(
                segment.rows.lowerBound..<segment.rows.lowerBound + count, first..<first + count)
            next = segment.parent
        }
    }

    private mutating func removeAll() {
        tokens.removeAll(keepingCapacity: true)
        positions.removeAll(keepingCapacity: true)
        segments.removeAll(keepingCapacity: true)
        samples.removeAll(keepingCapacity: true)
        targetRows.removeAll(keepingCapacity: true)
        targetTokens.removeAll(keepingCapacity: true)
        targetPositions.removeAll(keepingCapacity: true)
        segmentRuns.removeAll(keepingCapacity: true)
        targetRuns.removeAll(keepingCapacity: true)
        sampleTokens = 0
    }

    /// The rows that the sample does not share with the one before it, in segments that end where
    /// a later sample leaves this one.
    private mutating func appendRows(_ all: Samples, _ index: Int, _ place: Int) {
        let length = all.computedLength(index)
        var start = trie.sharedLengths[place]
        while let tip = trie.tip, segments[tip].endPosition > start {
            trie.tip = segments[tip].parent
        }
        while start < length {
            let end = trie.nextBranch(after: start, of: place, length: length)
            let rows = tokens.count..<tokens.count + end - start
            let parent = trie.tip
            let isContiguous =
                parent.map {
                    segments[$0].isContiguous && segments[$0].rows.upperBound == rows.lowerBound
                } ?? true
            trie.tip = segments.count
            segmentRuns.append(
                QueryRun(segment: segments.count, firstPosition: start, queries: rows))
            segments.append(
                Segment(
                    rows: rows, firstPosition: start, parent: parent, isContiguous: isContiguous))
            all.withTokens(index) { sampleTokens, _ in
                for position in start..<end {
                    trie.place(position, row: tokens.count, segment: segments.count - 1)
                    tokens.append(sampleTokens[position])
                    positions.append(Int32(position))
                }
            }
            start = end
        }
    }

    private mutating func appendTargets(_ all: Samples, _ index: Int) {
        let firstTarget = targetRows.count
        all.withTokens(index) { sampleTokens, _ in
            all.forEachTarget(index) { target in
                let position = target - 1
                let (row, segment) = (trie.rows[position], trie.segments[position])
                extendRun(position, row, segment)
                targetRows.append(Int32(row))
                targetPositions.append(Int32(position))
                targetTokens.append(sampleTokens[target])
            }
        }
        samples.append(SampleTargets(sample: index, targets: firstTarget..<targetRows.count))
    }

    /// The target that comes next belongs to the last run or begins one.
    private mutating func extendRun(_ position: Int, _ row: Int, _ segment: Int) {
        let query = targetRows.count
        if let last = targetRuns.last, last.segment == segment,
            Int(targetRows[query - 1]) == row - 1
        {
            targetRuns[targetRuns.count - 1] = QueryRun(
                segment: segment, firstPosition: last.firstPosition,
                queries: last.queries.lowerBound..<query + 1)
        } else {
            targetRuns.append(
                QueryRun(segment: segment, firstPosition: position, queries: query..<query + 1))
        }
    }
}

/// The path of the sample that is being packed, and where later ones will leave it.
private struct TrieCursor: Sendable {
    /// Positions that each sample shares with the one before it.
    private(set) var sharedLengths: [Int] = []
    /// Row and segment of each position of the last sample.
    private(set) var rows: [Int] = []
    private(set) var segments: [Int] = []
    /// The last segment of the path.
    var tip: Int?

    mutating func reserve(longestSample: Int, sampleCount: Int) {
        sharedLengths.reserveCapacity(sampleCount)
        rows.reserveCapacity(longestSample)
        segments.reserveCapacity(longestSample)
    }

    mutating func begin(_ samples: Samples, _ indices: ArraySlice<Int>, sharesPrefixes: Bool) {
        tip = nil
        sharedLengths.removeAll(keepingCapacity: true)
        var previous: Int?
        for index in indices {
            sharedLengths.append(
                sharesPrefixes
                    ? previous.map { samples.sharedLength($0, index) } ?? 0 : 0)
            previous = index
        }
    }

    /// The first position after `start` at which a later sample leaves the sample at `place`, or
    /// the sample's end.
    func nextBranch(after start: Int, of place: Int, length: Int) -> Int {
        var (end, shared) = (length, length)
        for later in sharedLengths.dropFirst(place + 1) {
            shared = min(shared, later)
            guard shared > start else { break }
            end = shared
        }
        return end
    }

    mutating func place(_ position: Int, row: Int, segment: Int) {
        if position == rows.count {
            rows.append(row)
            segments.append(segment)
        } else {
            rows[position] = row
            segments[position] = segment
        }
    }
}
