import Tensors

/// In which order samples are visited.
public enum SampleOrder: String, Sendable, CaseIterable, Codable {
    /// A new permutation every epoch, a pure function of (seed, epoch).
    case shuffled
    /// As they stand in the files, file after file.
    case sequential
}

/// The samples of one file, as often as an epoch visits them.
public struct VisitedSet: Sendable, Equatable {
    /// Samples.
    public let count: Int
    /// Visits of an epoch, all samples together.
    public let visits: Int

    /// No sensible set is visited more often than that.
    public static let greatestWeight = 1000.0

    /// - Parameters:
    ///   - count: Samples, at least 1.
    ///   - weight: Visits of a sample in an epoch. An epoch has `count * weight` visits of the set,
    ///     rounded to a whole number, at least one: each sample is visited ⌊weight⌋ times, and what
    ///     remains goes to samples that a keyed permutation picks anew in each epoch, once each.
    /// - Precondition: `count > 0`, `0 < weight <= greatestWeight`.
    public init(count: Int, weight: Double = 1) {
        precondition(count > 0 && weight > 0 && weight <= Self.greatestWeight)
        self.count = count
        visits = max(1, Int((Double(count) * weight).rounded()))
    }
}

/// Which samples form the batch of a step: a pure function of its fields and the step.
///
/// The number of ranks or lanes appears nowhere in it, and no table: any step's batch is found in
/// O(batch). No batch crosses an epoch; the last one of an epoch may be short.
public struct BatchSchedule: Sendable, Equatable {
    public let sets: [VisitedSet]
    public let batchSize: Int
    public let order: SampleOrder
    public let seed: UInt64
    /// Visits of an epoch.
    public let visitCount: Int

    /// - Parameters:
    ///   - sets: The files' samples, one after the other, are the indices; at most 256 files.
    ///   - batchSize: Visits of a step.
    ///   - order: Of the visits of an epoch.
    ///   - seed: Decides the order, and which samples of a set get the visits that are left over.
    /// - Precondition: `1 ... 256` sets, `batchSize > 0`.
    public init(sets: [VisitedSet], batchSize: Int, order: SampleOrder, seed: UInt64) {
        precondition((1...256).contains(sets.count) && batchSize > 0, "\(sets) by \(batchSize)")
        self.sets = sets
        self.batchSize = batchSize
        self.order = order
        self.seed = seed
        visitCount = sets.reduce(0) { $0 + $1.visits }
    }

    /// One set, each of whose samples is visited once an epoch.
    public init(sampleCount: Int, batchSize: Int, order: SampleOrder, seed: UInt64) {
        self.init(
            sets: [VisitedSet(count: sampleCount)], batchSize: batchSize, order: order, seed: seed)
    }

    public var stepsPerEpoch: Int { (visitCount + batchSize - 1) / batchSize }

    /// The epoch of a step; steps count from 1, epochs from 0.
    public func epoch(ofStep step: Int) -> Int { (step - 1) / stepsPerEpoch }

    /// The samples of `step`, by their indices. O(batch), whatever the step.
    public func batch(step: Int) -> [Int] {
        let stream = UInt32(truncatingIfNeeded: epoch(ofStep: step))
        let first = (step - 1) % stepsPerEpoch * batchSize
        let places = first..<min(first + batchSize, visitCount)
        guard order == .shuffled else { return places.map { sample(ofVisit: $0, stream) } }
        let permutation = IndexPermutation(
            count: visitCount, random: CounterRandom(seed: seed, purpose: .sampleOrder),
            stream: stream)
        return places.map { sample(ofVisit: permutation[$0], stream) }
    }

    /// The sample of a visit, where visits are counted set after set.
    private func sample(ofVisit visit: Int, _ stream: UInt32) -> Int {
        var (visit, first) = (visit, 0)
        for (number, set) in sets.enumerated() {
            guard visit >= set.visits else {
                let wholeRounds = set.visits / set.count * set.count
                guard visit >= wholeRounds else { return first + visit % set.count }
                let chosen = IndexPermutation(
                    count: set.count, random: CounterRandom(seed: seed, purpose: .extraVisits),
                    stream: stream, family: number)
                return first + chosen[visit - wholeRounds]
            }
            visit -= set.visits
            first += set.count
        }
        preconditionFailure("visit \(visit) after the last one")
    }
}
