import Tensors

/// In which order samples are visited.
public enum SampleOrder: String, Sendable, CaseIterable, Codable {
    /// A new permutation every epoch, a pure function of (seed, epoch).
    case shuffled
    /// As they stand in the file.
    case sequential
}

/// Which samples form the batch of a step: a pure function of its fields and the step.
///
/// The number of ranks or lanes appears nowhere in it. No batch crosses an epoch; the last one of
/// an epoch may be short.
public struct BatchSchedule: Sendable, Equatable {
    public let sampleCount: Int
    public let batchSize: Int
    public let order: SampleOrder
    public let seed: UInt64

    /// - Precondition: `sampleCount > 0`, `batchSize > 0`.
    public init(sampleCount: Int, batchSize: Int, order: SampleOrder, seed: UInt64) {
        precondition(sampleCount > 0 && batchSize > 0, "\(sampleCount) samples by \(batchSize)")
        self.sampleCount = sampleCount
        self.batchSize = batchSize
        self.order = order
        self.seed = seed
    }

    public var stepsPerEpoch: Int { (sampleCount + batchSize - 1) / batchSize }

    /// The epoch of a step; steps count from 1, epochs from 0.
    public func epoch(ofStep step: Int) -> Int { (step - 1) / stepsPerEpoch }

    /// Sample indices in the order of `epoch`. O(n log n).
    public func visitingOrder(epoch: Int) -> [Int] {
        let indices = [Int](0..<sampleCount)
        guard order == .shuffled else { return indices }
        let random = CounterRandom(seed: seed, purpose: .sampleOrder)
        let keys = indices.map { index -> UInt64 in
            let words = random.bits(
                stream: UInt32(truncatingIfNeeded: epoch), index: UInt64(index))
            return UInt64(words[0]) << 32 | UInt64(words[1])
        }
        return indices.sorted { (keys[$0], $0) < (keys[$1], $1) }
    }

    /// The samples of `step`, given its epoch's order.
    public func batch(step: Int, visitingOrder: [Int]) -> ArraySlice<Int> {
        let first = (step - 1) % stepsPerEpoch * batchSize
        return visitingOrder[first..<min(first + batchSize, sampleCount)]
    }
}
