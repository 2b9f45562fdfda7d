import Foundation
import Kernels
import Tensors

/// How fast the vector kernels are, beside what the memory and the arithmetic of this machine allow.
///
/// Each kernel is timed on 16 MiB buffers, which no lane's cache holds, and on 16 KiB, which the
/// first level does. The bounds are measured by the same process: memory by the plain addition of two
/// vectors, arithmetic by half of the SGEMM peak, as our kernels do not fuse.
public struct KernelTable: Sendable {
    /// One kernel.
    public struct Row: Sendable {
        public let name: String
        /// Nanoseconds an element, operands in memory and in the first-level cache.
        public let memoryNanoseconds: Double
        public let cacheNanoseconds: Double
        /// Bytes a second, operands in memory.
        public let bytesPerSecond: Double
        /// Nanoseconds an element that memory and arithmetic need at least.
        public let boundNanoseconds: Double

        /// Share of the speed that the slower of the two bounds allows.
        public var share: Double { boundNanoseconds / memoryNanoseconds }
    }

    public let rows: [Row]
    /// Bytes a second that the addition of two vectors moves.
    public let memoryBytesPerSecond: Double
    /// Float operations a second of a large product in registers and caches.
    public let peakFlops: Double

    private static let columns = 1024

    /// Times every kernel, each for about a tenth of a second.
    ///
    /// - Parameters:
    ///   - peakFlops: SGEMM's, of one core.
    ///   - progress: Called before each kernel with those done and all of them.
    public static func measure(
        peakFlops: Double, progress: (_ done: Int, _ total: Int) -> Void = { _, _ in }
    ) -> KernelTable {
        let large = (0..<3).map { _ in FloatBuffer(count: 4 << 20) }
        let small = (0..<3).map { _ in FloatBuffer(count: 4 << 10) }
        let memory = KernelProbe.add.bytesPerElement / nanoseconds(.add, large) * 1e9
        let probes = KernelProbe.allCases
        let rows = probes.enumerated().map { done, probe in
            progress(done, probes.count)
            let inMemory = nanoseconds(probe, large)
            let moving = probe.bytesPerElement / memory * 1e9
            let computing = probe.operationsPerElement / (peakFlops / 2) * 1e9
            return Row(
                name: probe.rawValue, memoryNanoseconds: inMemory,
                cacheNanoseconds: nanoseconds(probe, small),
                bytesPerSecond: probe.bytesPerElement / inMemory * 1e9,
                boundNanoseconds: max(moving, computing))
        }
        return KernelTable(rows: rows, memoryBytesPerSecond: memory, peakFlops: peakFlops)
    }

    /// The fastest of several rounds, an element.
    private static func nanoseconds(_ probe: KernelProbe, _ buffers: [FloatBuffer]) -> Double {
        let elements = probe.elements(in: buffers[0].count)
        // Few calls on the same data: kernels that work in place drift to infinity or to subnormal
        // numbers, which take far longer.
        let calls = max(1, min(16, (4 << 20) / elements))
        var best = Double.infinity
        for _ in 0..<(calls == 1 ? 8 : 200) {
            for buffer in buffers { fill(buffer) }
            let start = DispatchTime.now().uptimeNanoseconds
            for _ in 0..<calls {
                probe.run(buffers[0], buffers[1], buffers[2], columns: columns)
            }
            let spent = DispatchTime.now().uptimeNanoseconds - start
            best = min(best, Double(spent) / Double(calls * elements))
        }
        return best
    }

    /// Ordinary numbers: zeros would be faster than real data.
    private static func fill(_ buffer: FloatBuffer) {
        for index in 0..<buffer.count { buffer.pointer[index] = 0.25 + Float(index & 63) / 64 }
    }
}
