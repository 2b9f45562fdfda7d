import Synchronization

/// How fast the lanes of each rank are, as seen in the steps so far; decides how many slices a rank gets.
///
/// Ranks of one host count as equally fast: what they differ by is chance, such as who shares a core with
/// whom at the moment. So on a single host the same ranks always get the same slices.
///
/// Every rank has the same numbers, because they come out of a reduction and are integers. They are
/// no part of the run's state: a resumed run measures anew, and its bytes are the same.
public final class RankSpeeds {
    /// Lanes of each rank.
    public let lanes: [Int]
    /// Picoseconds that a lane of each rank takes for a token, as estimated; `nil` until measured.
    public private(set) var estimates: [Int64]?
    /// Of each rank, the lowest rank of its host.
    private let hostLeaders: [Int]
    private let workerRank: Int
    private let own = Mutex((tokens: 0, nanoseconds: UInt64(0)))

    /// An estimate follows a measurement by one part of so many: a hiccup moves no slice.
    private static let inertia: Int64 = 4
    /// One measurement counts as no further from the estimate than so many times.
    private static let mostRatio: Int64 = 4
    /// A rank that gets no slices is taken for a little faster each step, so that it is tried again.
    private static let recovery: Int64 = 32
    /// Hosts that differ by less than this count as equal: no slice moves for nothing.
    private static let leastRatio = 1.15
    /// So that a load in tokens times a cost stays within 64 bits.
    private static let largestCost: Int64 = 1_000_000_000_000

    /// - Parameters:
    ///   - lanes: Lanes of each rank.
    ///   - hostLeaders: Of each rank, the lowest rank of its host.
    ///   - workerRank: This rank.
    public init(lanes: [Int], hostLeaders: [Int], workerRank: Int) {
        self.hostLeaders = hostLeaders
        self.lanes = lanes
        self.workerRank = workerRank
    }

    /// The same where the differences are worth another assignment; `nil`: all count as equal.
    public var costs: [Int64]? {
        guard let estimates, let least = estimates.min(), let most = estimates.max(),
            Double(most) > Self.leastRatio * Double(least)
        else { return nil }
        return estimates
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
        let reports = averagedByHost(reports)
        let known = reports.filter { $0 > 0 }.sorted()
        guard !known.isEmpty else { return }
        let typical = known[known.count / 2]
        guard let before = estimates else {
            estimates = reports.map { $0 > 0 ? $0 : typical }
            return
        }
        estimates = zip(before, reports).map { estimate, report in
            guard report > 0 else { return max(1, estimate + (typical - estimate) / Self.recovery) }
            let near = min(max(report, estimate / Self.mostRatio), estimate * Self.mostRatio)
            return max(1, estimate + (near - estimate) / Self.inertia)
        }
    }

    /// For each rank the mean over the ranks of its host that had slices; 0 where none had.
    private func averagedByHost(_ reports: some Collection<Int64>) -> [Int64] {
        var sums = [(total: Int64, count: Int64)](repeating: (0, 0), count: lanes.count)
        for (leader, report) in zip(hostLeaders, reports) where report > 0 {
            sums[leader] = (sums[leader].total + report, sums[leader].count + 1)
        }
        return hostLeaders.map { sums[$0].count == 0 ? 0 : sums[$0].total / sums[$0].count }
    }
}
