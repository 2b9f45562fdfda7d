import Foundation
import Synchronization

/// An owned, 64-byte aligned block of float32, zero at birth.
///
/// A handle: only `Kernels` and the readers and writers of files take its pointer. Memory is
/// mapped, not filled, so a buffer made for the largest slice costs what the largest one that came
/// has touched.
///
/// `@unchecked Sendable` because the owner decides who writes when: a buffer belongs to one lane,
/// or is written by the main thread while no lane runs.
public final class FloatBuffer: TensorMemory, @unchecked Sendable {
    public let count: Int
    public let pointer: UnsafeMutablePointer<Float>
    private let byteCount: Int

    private static let live = Atomic<Int>(0)

    /// Bytes of all buffers of this process that are alive, touched or not: what a plan of memory
    /// counts, so that no second account of buffers can drift from the first.
    public static var liveByteCount: Int { live.load(ordering: .relaxed) }

    /// - Precondition: `count >= 0`, and the machine has the address space.
    public init(count: Int) {
        precondition(count >= 0, "a buffer of \(count) elements")
        self.count = count
        byteCount = max(64, count * MemoryLayout<Float>.stride)
        let address = mmap(
            nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let address, address != MAP_FAILED else {
            preconditionFailure("no address space for \(byteCount) bytes")
        }
        pointer = address.bindMemory(
            to: Float.self, capacity: byteCount / MemoryLayout<Float>.stride)
        Self.live.add(byteCount, ordering: .relaxed)
    }

    /// A buffer with these elements.
    public convenience init(copying elements: [Float]) {
        self.init(count: elements.count)
        elements.withUnsafeBufferPointer {
            guard let first = $0.baseAddress else { return }
            pointer.update(from: first, count: $0.count)
        }
    }

    deinit {
        munmap(pointer, byteCount)
        Self.live.subtract(byteCount, ordering: .relaxed)
    }

    /// The elements, to be read or written before the buffer dies.
    public var elements: UnsafeMutableBufferPointer<Float> {
        UnsafeMutableBufferPointer(start: pointer, count: count)
    }
}
