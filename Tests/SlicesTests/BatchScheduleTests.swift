import Slices
import Testing

@Suite struct BatchScheduleTests {
    private func schedule(_ count: Int, _ batch: Int, _ order: SampleOrder) -> BatchSchedule {
        BatchSchedule(sampleCount: count, batchSize: batch, order: order, seed: 5)
    }

    /// Each epoch visits every sample once, whatever the sizes.
    @Test func everySampleOnceAnEpoch() {
        for count in [1, 2, 7, 16, 33] {
            for batch in [1, 3, 16, 40] {
                let schedule = schedule(count, batch, .shuffled)
                for epoch in 0..<3 {
                    let order = schedule.visitingOrder(epoch: epoch)
                    let first = epoch * schedule.stepsPerEpoch + 1
                    let seen = (first..<first + schedule.stepsPerEpoch).flatMap { step in
                        #expect(schedule.epoch(ofStep: step) == epoch)
                        return schedule.batch(step: step, visitingOrder: order)
                    }
                    #expect(seen.sorted() == Array(0..<count), "\(count) by \(batch)")
                }
            }
        }
    }

    @Test func epochsAndSeedsDiffer() {
        let schedule = schedule(50, 8, .shuffled)
        let other = BatchSchedule(sampleCount: 50, batchSize: 8, order: .shuffled, seed: 6)
        #expect(schedule.visitingOrder(epoch: 0) == schedule.visitingOrder(epoch: 0))
        #expect(schedule.visitingOrder(epoch: 0) != schedule.visitingOrder(epoch: 1))
        #expect(schedule.visitingOrder(epoch: 0) != other.visitingOrder(epoch: 0))
        #expect(self.schedule(50, 8, .sequential).visitingOrder(epoch: 3) == Array(0..<50))
    }

    /// Ten samples by four: 4, 4, 2; no batch crosses an epoch.
    @Test func shortLastBatch() {
        let schedule = schedule(10, 4, .sequential)
        let order = schedule.visitingOrder(epoch: 0)
        #expect(Array(schedule.batch(step: 3, visitingOrder: order)) == [8, 9])
        #expect(Array(schedule.batch(step: 4, visitingOrder: order)) == [0, 1, 2, 3])
    }
}
