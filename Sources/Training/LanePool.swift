import Dispatch
import Foundation
import Slices
import Synchronization
import Transformer

/// The lanes of a rank: threads that take slices until none is left.
///
/// Which lane computes which slice is left to chance; no result depends on it. The calling thread
/// is the first lane.
///
/// `@unchecked Sendable`: `work` is written before the lanes are woken and read until they are done.
final class LanePool: @unchecked Sendable {
    private let lanes: [Lane]
    private let start: [DispatchSemaphore]
    private let done = DispatchSemaphore(value: 0)
    private let next = Mutex(0)
    private var count = 0
    private var work: (Lane, Int) -> Void = { _, _ in }

    /// - Precondition: at least one lane.
    init(lanes: [Lane]) {
        precondition(!lanes.isEmpty, "no lanes")
        self.lanes = lanes
        start = lanes.dropFirst().map { _ in DispatchSemaphore(value: 0) }
        for (semaphore, lane) in zip(start, lanes.dropFirst()) {
            let thread = Thread { [unowned self] in
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
    }

    var laneCount: Int { lanes.count }

    /// Calls `body` once for each index below `count`, on all lanes at once; returns when all are
    /// done. `body` runs on several threads.
    func forEach(count: Int, _ body: @escaping (Lane, Int) -> Void) {
        work = body
        self.count = count
        next.withLock { $0 = 0 }
        for semaphore in start { semaphore.signal() }
        drain(with: lanes[0])
        for _ in start { done.wait() }
        work = { _, _ in }
    }

    private func drain(with lane: Lane) {
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

/// Which rank computes which slice: the longest first, each to the rank with the least to do.
///
/// A function of the slices alone, so all ranks find the same answer without a word. Any other
/// assignment would give the same sums.
func assignSlices(_ slices: [SliceRule.Part], ranks: Int) -> [[SliceRule.Part]] {
    var load = [Int](repeating: 0, count: ranks)
    var assigned = [[SliceRule.Part]](repeating: [], count: ranks)
    let order = slices.indices.sorted {
        (-slices[$0].computedTokens, $0) < (-slices[$1].computedTokens, $1)
    }
    for slice in order {
        let rank = load.indices.min { (load[$0], $0) < (load[$1], $1) } ?? 0
        load[rank] += slices[slice].computedTokens
        assigned[rank].append(slices[slice])
    }
    return assigned
}
