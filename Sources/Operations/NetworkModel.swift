/// What a collective costs on a network of equal links, by its usual formulas.
///
/// Every rank sends and receives at once over a link of its own; α is the latency of a message, β
/// the bandwidth of a link, n the bytes and p the ranks. Contention, topology and the addition of
/// numbers are left out.
/// Source: Thakur, Rabenseifner & Gropp 2005, "Optimization of Collective Communication Operations
/// in MPICH".
public struct NetworkModel: Sendable, Equatable {
    /// How the all-reduce goes about it.
    public enum AllReduce: String, Sendable, CaseIterable {
        /// Recursive halving, then doubling: `2·⌈log₂ p⌉·α + 2·(p − 1)/p · n/β`.
        case halving
        /// Around a ring: `2·(p − 1)·α + 2·(p − 1)/p · n/β`.
        case ring
        /// To one rank over a tree and back: `2·⌈log₂ p⌉·(α + n/β)`.
        case tree
    }

    public let latencySeconds: Double
    public let bytesPerSecond: Double
    public let allReduce: AllReduce

    public init(latencySeconds: Double, bytesPerSecond: Double, allReduce: AllReduce) {
        self.latencySeconds = latencySeconds
        self.bytesPerSecond = bytesPerSecond
        self.allReduce = allReduce
    }

    /// Seconds of an all-reduce of `bytes` over `ranks`.
    public func allReduceSeconds(bytes: Int, ranks: Int) -> Double {
        guard ranks > 1 else { return 0 }
        let transfer = Double(bytes) / bytesPerSecond
        let share = 2 * Double(ranks - 1) / Double(ranks) * transfer
        let rounds = Double(Self.rounds(ranks))
        return switch allReduce {
        case .halving: 2 * rounds * latencySeconds + share
        case .ring: 2 * Double(ranks - 1) * latencySeconds + share
        case .tree: 2 * rounds * (latencySeconds + transfer)
        }
    }

    /// Seconds of a broadcast of `bytes` over a binomial tree: `⌈log₂ p⌉·(α + n/β)`.
    public func broadcastSeconds(bytes: Int, ranks: Int) -> Double {
        Double(Self.rounds(ranks)) * (latencySeconds + Double(bytes) / bytesPerSecond)
    }

    /// `⌈log₂ ranks⌉`.
    private static func rounds(_ ranks: Int) -> Int {
        var rounds = 0
        while 1 << rounds < ranks { rounds += 1 }
        return rounds
    }
}
