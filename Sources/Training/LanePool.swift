import Dispatch
import Foundation
import Kernels
import Synchronization
import Transformer

/// The lanes of a rank: threads that take slices until none is left.
///
/// Which lane computes which slice is left to chance; no result depends on it. The calling thread
/// is the first lane.
///
/// `@unchecked Sendable`: `work` is written before the lanes are woken and read until they are done.
final class LanePool: @unchecked Sendable {
    private let lanes: [any SliceLane]
    private let start: [DispatchSemaphore]
    private let done = DispatchSemaphore(value: 0)
    private let next = Mutex(0)
    private var count = 0
    private var work: (any SliceLane, Int) -> Void = { _, _ in }

    /// - Precondition: at least one lane.
    init(lanes: [any SliceLane]) {
        precondition(!lanes.isEmpty, "no lanes")
        self.lanes = lanes
        start = lanes.dropFirst().map { _ in DispatchSemaphore(value: 0) }
        let places = ProcessorCores.placement(ofLanes: lanes.count)
        for (index, (semaphore, lane)) in zip(start, lanes.dropFirst()).enumerated() {
            let thread = Thread { [unowned self] in
                if !places.isEmpty { ProcessorCores.bind(to: places[index + 1]) }
                while true {
                    semaphore.wait()
                    drain(with: lane)
                    done.signal()
                }
            }
            thread.name = "lane"
            thread.stackSize = 8 << 20
            thread.start()
        }
        if let first = places.first { ProcessorCores.bind(to: first) }
    }

    var laneCount: Int { lanes.count }

    /// Calls `body` once for each index below `count`, on all lanes at once; returns when all are
    /// done. `body` runs on several threads. Lanes beyond `count` are left asleep, so that their
    /// memory stays untouched.
    func forEach(count: Int, _ body: @escaping (any SliceLane, Int) -> Void) {
        work = body
        self.count = count
        next.withLock { $0 = 0 }
        let woken = start.prefix(max(0, count - 1))
        for semaphore in woken { semaphore.signal() }
        drain(with: lanes[0])
        for _ in woken { done.wait() }
        work = { _, _ in }
    }

    private func drain(with lane: any SliceLane) {
        while true {
            let index = next.withLock { next in
                defer { next += 1 }
                return next
            }
            guard index < count else { return }
            work(lane, index)
        }
    }
}
