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
public final class LanePool: @unchecked Sendable {
    private let lanes: [any SliceLane]
    private let start: [DispatchSemaphore]
    private let done = DispatchSemaphore(value: 0)
    private let next = Mutex(0)
    private var indexCount = 0
    private var work: (_ lane: Int, _ index: Int) -> Void = { _, _ in }

    /// - Precondition: at least one lane.
    init(lanes: [any SliceLane]) {
        precondition(!lanes.isEmpty, "no lanes")
        self.lanes = lanes
        start = lanes.dropFirst().map { _ in DispatchSemaphore(value: 0) }
        let places = ProcessorCores.placement(ofLanes: lanes.count)
        for (index, semaphore) in start.enumerated() {
            let thread = Thread { [weak self] in
                if !places.isEmpty { ProcessorCores.bind(to: places[index + 1]) }
                while true {
                    semaphore.wait()
                    guard let self else { return }
                    drain(lane: index + 1)
                    done.signal()
                }
            }
            thread.name = "lane"
            thread.stackSize = 8 << 20
            thread.start()
        }
        if let first = places.first { ProcessorCores.bind(to: first) }
    }

    /// Ends the threads: they find nobody.
    deinit { for semaphore in start { semaphore.signal() } }

    /// How many lanes there are.
    public var count: Int { lanes.count }

    /// Calls `body` once for each index below `count`, on all lanes at once; returns when all are
    /// done. `body` runs on several threads. Lanes beyond `count` are left asleep, so that their
    /// memory stays untouched.
    func forEach(count: Int, _ body: @escaping (any SliceLane, Int) -> Void) {
        forEach(count: count) { [lanes] (lane: Int, index) in body(lanes[lane], index) }
    }

    /// The same; `body` is given the number of the lane, from 0.
    public func forEach(count: Int, _ body: @escaping (_ lane: Int, _ index: Int) -> Void) {
        work = body
        indexCount = count
        next.withLock { $0 = 0 }
        let woken = start.prefix(max(0, count - 1))
        for semaphore in woken { semaphore.signal() }
        drain(lane: 0)
        for _ in woken { done.wait() }
        work = { _, _ in }
    }

    private func drain(lane: Int) {
        while true {
            let index = next.withLock { next in
                defer { next += 1 }
                return next
            }
            guard index < indexCount else { return }
            work(lane, index)
        }
    }
}
