import CKernels
import Foundation

/// The processor cores of this process.
public enum ProcessorCores {
    /// Words of a mask: 1,024 cores.
    private static let words = 16

    /// Gives one rank of several on a host its share: the launcher's cores divided by the ranks.
    ///
    /// `mpirun` binds each rank of a small job to one core, so that several lanes would share it; the
    /// cores that it was itself given (by `taskset`, a batch system, a container) are the limit.
    /// Without `mpirun` the process keeps what it has. Call it before any other thread starts:
    /// threads inherit the choice.
    ///
    /// - Parameters:
    ///   - localRank: This process among those of the host.
    ///   - localSize: Number of processes on the host.
    /// - Returns: How many lanes the process should have: its cores, or fewer where a container's
    ///   quota grants less time than that.
    public static func widen(localRank: Int, localSize: Int) -> Int {
        guard ProcessInfo.processInfo.environment["OMPI_COMM_WORLD_RANK"] != nil,
            let allowed = cores(of: getppid())
        else { return lanes(cores: cores(of: 0)?.count ?? 1, processes: localSize) }
        let first = allowed.count * localRank / localSize
        let last = allowed.count * (localRank + 1) / localSize
        guard last > first else { return 1 }
        bind(to: ProcessorTopology(processors: allowed).ordered(allowed)[first..<last])
        return lanes(cores: last - first, processes: localSize)
    }

    /// The cores for each of `count` lanes, where those of this process lie at several NUMA nodes: all of
    /// one node, so that what a lane touches first is put near it and stays near. Empty where there is
    /// one node only; to be called first after ``widen(localRank:localSize:)``.
    public static func placement(ofLanes count: Int) -> [[Int]] {
        let topology = ProcessorTopology(processors: coresOfProcess)
        let ordered = topology.ordered(coresOfProcess)
        guard Set(ordered.map(topology.node)).count > 1 else { return [] }
        return (0..<count).map { lane in
            let node = topology.node(of: ordered[ordered.count * lane / count])
            return ordered.filter { topology.node(of: $0) == node }
        }
    }

    /// Before any thread is bound to some of them.
    private static let coresOfProcess = cores(of: 0) ?? [0]

    /// Does `body` on all cores that the ranks of this host have together, e.g. while the other
    /// ranks wait for this one; threads that it starts inherit them.
    ///
    /// - Parameter body: Given how many lanes these cores should have.
    public static func withAllCores<Result>(_ body: (Int) throws -> Result) rethrows -> Result {
        let own = cores(of: 0) ?? [0]
        guard ProcessInfo.processInfo.environment["OMPI_COMM_WORLD_RANK"] != nil,
            let allowed = cores(of: getppid()), allowed.count > own.count
        else { return try body(lanes(cores: own.count, processes: 1)) }
        bind(to: allowed)
        defer { bind(to: own) }
        return try body(lanes(cores: allowed.count, processes: 1))
    }

    /// Confines the calling thread to these cores.
    public static func bind(to cores: some Sequence<Int>) {
        var mask = [UInt64](repeating: 0, count: words)
        for core in cores { mask[core / 64] |= 1 << UInt64(core % 64) }
        _ = ck_set_affinity(mask, words)
    }

    private static func cores(of process: Int32) -> [Int]? {
        var mask = [UInt64](repeating: 0, count: words)
        guard ck_get_affinity(process, &mask, words) else { return nil }
        return (0..<64 * words).filter { mask[$0 / 64] >> UInt64($0 % 64) & 1 == 1 }
    }

    /// `cores`, less where the control group's quota (microseconds of processor time in each
    /// period) is worth fewer.
    private static func lanes(cores: Int, processes: Int) -> Int {
        let text = try? String(contentsOfFile: "/sys/fs/cgroup/cpu.max", encoding: .utf8)
        let fields = (text ?? "").split(whereSeparator: \.isWhitespace).map { Double($0) }
        guard fields.count == 2, let quota = fields[0], let period = fields[1], period > 0 else {
            return cores
        }
        let granted = Int((quota / period / Double(processes)).rounded(.up))
        return max(1, min(cores, granted))
    }
}
