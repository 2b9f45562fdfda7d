import CKernels
import Foundation

/// The processor cores of this process.
public enum ProcessorCores {
    /// Words of a mask: 1,024 cores.
    private static let words = 16

    /// Gives one process of several on a host its share: all cores divided by the processes.
    ///
    /// `mpirun` binds each rank of a small job to one core, so that several lanes would share it.
    /// Call it before any other thread starts: threads inherit the choice.
    ///
    /// - Parameters:
    ///   - localRank: This process among those of the host.
    ///   - localSize: Number of processes on the host.
    /// - Returns: How many cores the process has now.
    public static func widen(localRank: Int, localSize: Int) -> Int {
        let everything = [UInt64](repeating: .max, count: words)
        // The kernel cuts this down to what the container or the job's cpuset allows.
        guard ck_set_affinity(everything, words), let allowed else {
            return max(1, ProcessInfo.processInfo.activeProcessorCount / localSize)
        }
        let first = allowed.count * localRank / localSize
        let last = allowed.count * (localRank + 1) / localSize
        guard last > first else { return 1 }
        var mask = [UInt64](repeating: 0, count: words)
        for core in allowed[first..<last] { mask[core / 64] |= 1 << UInt64(core % 64) }
        _ = ck_set_affinity(mask, words)
        return last - first
    }

    private static var allowed: [Int]? {
        var mask = [UInt64](repeating: 0, count: words)
        guard ck_get_affinity(&mask, words) else { return nil }
        return (0..<64 * words).filter { mask[$0 / 64] >> UInt64($0 % 64) & 1 == 1 }
    }
}
