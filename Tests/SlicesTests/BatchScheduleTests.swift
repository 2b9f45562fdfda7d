import Slices
import Tensors
import Testing

@Suite struct BatchScheduleTests {
    private func schedule(_ count: Int, _ batch: Int, _ order: SampleOrder) -> BatchSchedule {
        BatchSchedule(sampleCount: count, batchSize: batch, order: order, seed: 5)
    }

    private func visits(_ schedule: BatchSchedule, epoch: Int) -> [Int] {
        let first = epoch * schedule.stepsPerEpoch + 1
        return (first..<first + schedule.stepsPerEpoch).flatMap { step in
            #expect(schedule.epoch(ofStep: step) == epoch)
            return schedule.batch(step: step)
        }
    }

    /// Each epoch visits every sample once, whatever the sizes.
    @Test func everySampleOnceAnEpoch() {
        for count in [1, 2, 7, 16, 33, 257, 1000] {
            for batch in [1, 3, 16, 40] {
                for epoch in 0..<3 {
                    let seen = visits(schedule(count, batch, .shuffled), epoch: epoch)
                    #expect(seen.sorted() == Array(0..<count), "\(count) by \(batch)")
                }
            }
        }
    }

    @Test func epochsAndSeedsDiffer() {
        let schedule = schedule(50, 8, .shuffled)
        let other = BatchSchedule(sampleCount: 50, batchSize: 8, order: .shuffled, seed: 6)
        #expect(visits(schedule, epoch: 0) == visits(schedule, epoch: 0))
        #expect(visits(schedule, epoch: 0) != visits(schedule, epoch: 1))
        #expect(visits(schedule, epoch: 0) != visits(other, epoch: 0))
        #expect(visits(self.schedule(50, 8, .sequential), epoch: 3) == Array(0..<50))
    }

    /// Ten samples by four: 4, 4, 2; no batch crosses an epoch.
    @Test func shortLastBatch() {
        let schedule = schedule(10, 4, .sequential)
        #expect(schedule.batch(step: 3) == [8, 9])
        #expect(schedule.batch(step: 4) == [0, 1, 2, 3])
    }

    /// Weight 2.3 of ten samples: 23 visits, each sample twice and three of them once more; weight
    /// 0.25 of eight: two visits of two samples; others in the next epoch.
    @Test(arguments: [SampleOrder.shuffled, .sequential])
    func weightsAreVisitsPerEpoch(_ order: SampleOrder) {
        let sets = [
            VisitedSet(count: 10, weight: 2.3), VisitedSet(count: 8, weight: 0.25),
            VisitedSet(count: 3),
        ]
        let schedule = BatchSchedule(sets: sets, batchSize: 4, order: order, seed: 1)
        #expect(schedule.visitCount == 23 + 2 + 3)
        var extras: Set<[Int]> = []
        for epoch in 0..<6 {
            var counts = [Int](repeating: 0, count: 21)
            for sample in visits(schedule, epoch: epoch) { counts[sample] += 1 }
            #expect(counts[..<10].sorted() == [2, 2, 2, 2, 2, 2, 2, 3, 3, 3])
            #expect(counts[10..<18].sorted() == [0, 0, 0, 0, 0, 0, 1, 1])
            #expect(counts[18...] == [1, 1, 1])
            extras.insert(counts)
        }
        #expect(extras.count > 1)
    }

    /// A batch in the middle of an enormous run, at once.
    @Test(.timeLimit(.minutes(10))) func anyStepIsFoundAtOnce() {
        let schedule = BatchSchedule(
            sampleCount: 1 << 40, batchSize: 1000, order: .shuffled, seed: 3)
        let batch = schedule.batch(step: 123_456_789_012)
        #expect(Set(batch).count == 1000)
        #expect(batch.allSatisfy { (0..<1 << 40).contains($0) })
    }
}

@Suite struct IndexPermutationTests {
    private func permutation(_ count: Int, seed: UInt64, stream: UInt32 = 0) -> IndexPermutation {
        IndexPermutation(
            count: count, random: CounterRandom(seed: seed, purpose: .sampleOrder), stream: stream)
    }

    /// Every count to beyond the next power of two of two sizes, and some larger ones.
    @Test func everyValueOnce() {
        for count in Array(1...300) + [1023, 1024, 1025, 4096, 65_537, 100_003] {
            let permutation = permutation(count, seed: 11)
            var seen = [Bool](repeating: false, count: count)
            for index in 0..<count { seen[permutation[index]] = true }
            #expect(seen.allSatisfy { $0 }, "\(count)")
        }
    }

    /// The 24 orders of four things over 24,000 seeds: χ² with 23 degrees of freedom is below 49.7
    /// with probability 0.999.
    @Test func allOrdersAreEquallyLikely() {
        var counts: [[Int]: Int] = [:]
        for seed in 0..<24_000 {
            let permutation = permutation(4, seed: UInt64(seed))
            counts[(0..<4).map { permutation[$0] }, default: 0] += 1
        }
        #expect(counts.count == 24)
        let statistic = counts.values.reduce(0.0) { $0 + Double(($1 - 1000) * ($1 - 1000)) / 1000 }
        #expect(statistic < 49.7, "\(statistic)")
    }

    /// Where the first of 64 goes: χ² with 63 degrees of freedom is below 103.4 with probability
    /// 0.999. And neighbours part: the next one is the next value once in 1000 times.
    @Test func placesAreEquallyLikelyAndNeighboursPart() {
        var counts = [Int](repeating: 0, count: 64)
        for epoch in 0..<12_800 {
            counts[permutation(64, seed: 9, stream: UInt32(epoch))[0]] += 1
        }
        let statistic = counts.reduce(0.0) { $0 + Double(($1 - 200) * ($1 - 200)) / 200 }
        #expect(statistic < 103.4, "\(statistic)")
        let large = permutation(10_000, seed: 4)
        let successors = (0..<9_999).count { large[$0 + 1] == large[$0] + 1 }
        #expect(successors < 8, "one is expected")
    }
}
