import Foundation

/// The cores of this process.
///
/// `mpirun` binds each rank of a small job to one core, so that several lanes would share it.
enum ProcessPlacement {
    /// Gives this rank its share of the host's cores: all of them divided by its ranks.
    ///
    /// - Returns: How many cores the rank has now.
    static func widen(localRank: Int, localSize: Int) -> Int {
        var everything = [UInt64](repeating: .max, count: 16)
        // The kernel cuts this down to what the container or the job's cpuset allows.
        guard setAffinity(&everything), let allowed = affinity() else {
            return max(1, ProcessInfo.processInfo.activeProcessorCount / localSize)
        }
        let first = allowed.count * localRank / localSize
        let last = allowed.count * (localRank + 1) / localSize
        guard last > first else { return 1 }
        var mask = [UInt64](repeating: 0, count: 16)
        for core in allowed[first..<last] { mask[core / 64] |= 1 << UInt64(core % 64) }
        _ = setAffinity(&mask)
        return last - first
    }

    private static func affinity() -> [Int]? {
        var mask = [UInt64](repeating: 0, count: 16)
        let status = mask.withUnsafeMutableBytes { bytes in
            guard let start = bytes.baseAddress else { return Int32(-1) }
            return sched_getaffinity(
                0, bytes.count, start.assumingMemoryBound(to: cpu_set_t.self))
        }
        guard status == 0 else { return nil }
        return (0..<1024).filter { mask[$0 / 64] >> UInt64($0 % 64) & 1 == 1 }
    }

    private static func setAffinity(_ mask: inout [UInt64]) -> Bool {
        mask.withUnsafeMutableBytes { bytes in
            guard let start = bytes.baseAddress else { return false }
            return sched_setaffinity(
                0, bytes.count, start.assumingMemoryBound(to: cpu_set_t.self)) == 0
        }
    }

    /// Name of this host.
    static var hostName: String {
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, name.count - 1) == 0 else { return "unknown" }
        return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self)
    }
}
