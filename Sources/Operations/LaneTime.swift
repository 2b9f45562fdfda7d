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
}
