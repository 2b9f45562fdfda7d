import Synchronization

/// How fast the lanes of each rank are, as seen in the steps so far; decides how many slices a rank gets.
///
/// Every rank has the same numbers, because they come out of a reduction and are integers. They are
/// no part of the run's state: a resumed run measures anew, and its bytes are the same.
public final class RankSpeeds {
    /// Lanes of each rank.
    public let lanes: [Int]
    /// Picoseconds that a lane of each rank takes for a token; `nil` until measured.
    public private(set) var costs: [Int64]?
    private let workerRank: Int
    private let own = Mutex((tokens: 0, nanoseconds: UInt64(0)))

    /// An estimate follows a measurement by one part of so many: a hiccup moves no slice.
    private static let inertia: Int64 = 4
    /// One measurement counts as no further from the estimate than so many times.
    private static let mostRatio: Int64 = 4
    /// A rank that gets no slices is taken for a little faster each step, so that it is tried again.
    private static let recovery: Int64 = 32
    /// So that a load in tokens times a cost stays within 64 bits.
    private static let largestCost: Int64 = 1_000_000_000_000

    /// - Parameters:
    ///   - lanes: Lanes of each rank.
    ///   - workerRank: This rank.
    public init(lanes: [Int], workerRank: Int) {
        self.lanes = lanes
        self.workerRank = workerRank
    }

    /// This rank's slices.
    public func assigned(_ slices: [SliceRule.Part]) -> [SliceRule.Part] {
        assignSlices(slices, lanes: lanes, costs: costs)[workerRank]
    }

    /// Forgets what was measured and not yet reported.
    public func beginMeasuring() { own.withLock { $0 = (0, 0) } }

    /// A lane of this rank has computed a slice; may be called by several lanes at once.
    public func measured(tokens: Int, nanoseconds: UInt64) {
        own.withLock { $0 = ($0.tokens + tokens, $0.nanoseconds + nanoseconds) }
    }

    /// What this rank has measured: picoseconds a token of a lane, 0 if it had no slice.
    public var report: Int64 {
        own.withLock { own in
            guard own.tokens > 0 else { return 0 }
            let picoseconds = Double(own.nanoseconds) * 1000 / Double(own.tokens)
            return max(1, Int64(min(picoseconds, Double(Self.largestCost))))
        }
    }

    /// Takes the reports of all ranks, reduced by MAX from one array a rank with its own in its place:
    /// all ranks must take the same.
    public func take(_ reports: some Collection<Int64>) {
        let known = reports.filter { $0 > 0 }.sorted()
        guard !known.isEmpty else { return }
        let typical = known[known.count / 2]
        guard let before = costs else {
            costs = reports.map { $0 > 0 ? $0 : typical }
            return
        }
        costs = zip(before, reports).map { estimate, report in
            guard report > 0 else { return max(1, estimate + (typical - estimate) / Self.recovery) }
            let near = min(max(report, estimate / Self.mostRatio), estimate * Self.mostRatio)
            return max(1, estimate + (near - estimate) / Self.inertia)
        }
    }
}
