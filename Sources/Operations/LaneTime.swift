import Synchronization
import Training

extension LanePool {
    /// Calls `body` once for each index below `count`, on all lanes at once.
    ///
    /// - Parameter body: Given the lane's number and the index.
    /// - Returns: Seconds until the last was done.
    func time(count: Int, _ body: @escaping (_ lane: Int, _ index: Int) -> Void) -> Double {
        let began = ContinuousClock.now
        forEach(count: count, body)
        return (ContinuousClock.now - began) / .seconds(1)
    }

    /// The same; returns the seconds that the lanes together were busy.
    func busySeconds(
        count: Int, _ body: @escaping (_ lane: Int, _ index: Int) -> Void
    ) -> Double {
        let busy = Mutex(0.0)
        _ = time(count: count) { lane, index in
            let began = ContinuousClock.now
            body(lane, index)
            let seconds = (ContinuousClock.now - began) / .seconds(1)
            busy.withLock { $0 += seconds }
        }
        return busy.withLock { $0 }
    }
}
