import Foundation
import ProgressReports
import RunStore
import TestSupport
import Testing

/// Which steps of a long run are shown.
@Suite struct StepThinningTests {
    private struct Step: Equatable {
        var job: UInt64 = 1
        let number: Int
        let loss: Double
    }

    private func kept(_ steps: [Step], every: Int) -> [Int] {
        var thinning = StepThinning<Int>(every: every)
        for step in steps {
            thinning.add(job: step.job, step: step.number, loss: step.loss, id: step.number)
        }
        return thinning.finish()
    }

    @Test func theWholeNumbersAndTheExtremesStay() {
        let losses: [Double] = [2, 1, 9, 3, 4, 4, 4, 0, 5, 5]
        let steps = losses.enumerated().map { Step(number: 10 + $0, loss: $1) }
        // Of 10 to 14 the first, the least (11) and the greatest (12); of 15 to 19 the first, 17 and 18.
        #expect(kept(steps, every: 5) == [10, 11, 12, 15, 17, 18])
        #expect(kept(steps, every: 1) == Array(10...19))
    }

    @Test func whatIsNoNumberStaysOnlyByItsNumber() {
        let steps = [
            Step(number: 4, loss: .nan), Step(number: 5, loss: .nan), Step(number: 6, loss: 1),
            Step(number: 8, loss: .infinity), Step(number: 9, loss: 2),
            Step(number: 10, loss: .infinity), Step(number: 11, loss: -.infinity),
        ]
        #expect(kept(steps, every: 4) == [4, 6, 8, 9])
    }

    @Test func jobsAreNotCompared() {
        let steps = [
            Step(job: 1, number: 4, loss: 7), Step(job: 1, number: 5, loss: 8),
            Step(job: 2, number: 5, loss: 6), Step(job: 2, number: 6, loss: 5),
        ]
        #expect(kept(steps, every: 4) == [4, 5, 5, 6])
    }

    /// The store asks its index, and keeps what the rule keeps.
    @Test func theStoreThinsByTheSameRule() throws {
        try Programs.withScratchFolder { scratch in
            let store = try RunStore(writing: scratch + "/runs.sqlite")
            var random = SeededGenerator()
            let losses = (0..<997).map { _ in Double.random(in: 0..<5, using: &random) }
            let steps = losses.enumerated().map { Step(number: $0 + 1, loss: $1) }
            let records = steps.enumerated().map { index, step in
                record(UInt64(index + 1), .step(progressStep(step.number, loss: step.loss)))
            }
            let event = record(1000, .warning(.init(step: 9, message: "one")))
            try store.append(records + [event], at: 0)
            for every in [1, 2, 7, 50, 5000] {
                let found = try store.records(of: "r", every: every)
                #expect(
                    found.dropLast().map(\.record.step) == kept(steps, every: every),
                    "every \(every)")
                #expect(found.last == event)
            }
            #expect(try store.records(of: "r", every: nil) == [event])
            let part = try store.rows(of: "r", every: 7, limit: 20)
            let rest = try store.rows(of: "r", after: part.last, every: 7)
            #expect(part.rows.count == 20 && part.hasMore && part.last == part.rows[19])
            #expect(rest.rows.first ?? 0 > part.last && !rest.hasMore)
            #expect(try store.knows("r") && !store.knows("s"))
        }
    }

    /// However few of the steps are asked for: what is looked at has a bound, and all is reached.
    @Test func aPartLooksAtSoManyRows() throws {
        try Programs.withScratchFolder { scratch in
            let store = try RunStore(writing: scratch + "/runs.sqlite")
            let steps = (1...1000).map { Step(number: $0, loss: 5 + sin(Double($0))) }
            try store.append(
                steps.enumerated().map {
                    record(UInt64($0 + 1), .step(progressStep($1.number, loss: $1.loss)))
                } + [record(1001, .warning(.init(step: 1000, message: "one")))], at: 0)
            // None of the first hundred has a number that 5000 divides.
            let first = try store.rows(of: "r", every: 5000, mostScanned: 100)
            #expect(first.rows.count == 2 && first.last == 100 && first.hasMore)
            // One is asked for: of the first 300, which three hundred must leave at least.
            let one = try store.rows(of: "r", every: 300, limit: 1, mostScanned: 400)
            #expect(one.rows.count == 1 && one.last == one.rows[0] && one.hasMore)
            for every in [2, 7, 300, 5000] {
                var (rows, after, parts): ([Int64], Int64, Int) = ([], 0, 0)
                while true {
                    let part = try store.rows(of: "r", after: after, every: every, mostScanned: 100)
                    rows += part.rows
                    parts += 1
                    guard part.hasMore else { break }
                    after = part.last
                }
                #expect(parts == 11, "every \(every)")
                #expect(rows == rows.sorted() && rows.last == 1001)
                // A group that is cut has its extremes on either side: no more than two more a cut.
                let whole = try store.rows(of: "r", every: every).rows
                #expect(Set(rows).isSuperset(of: whole), "every \(every)")
                #expect(rows.count <= whole.count + 2 * parts, "every \(every)")
            }
            // A part that ends with the last row is the last.
            let rest = try store.rows(of: "r", after: 901, every: 7, mostScanned: 100)
            #expect(!rest.hasMore && rest.last == 1001)
        }
    }

    private func record(_ sequence: UInt64, _ record: ProgressRecord) -> TimedRecord {
        TimedRecord(
            runID: "r", epoch: 1, sequence: sequence, unixTimeNanoseconds: Int64(sequence),
            record: record)
    }

    private func progressStep(_ number: Int, loss: Double) -> ProgressRecord.Step {
        .init(
            step: number, epoch: 0, loss: loss, targetTokens: 10, tokens: 20, tokensPerSecond: 1,
            learningRate: 1e-4, gradientNorm: 1, computeSeconds: 0.1, reduceSeconds: 0.01,
            updateSeconds: 0.001)
    }
}
