import Foundation
import Kernels
import ModelFiles
import Slices
import Training
import Transformer

/// How fast the steps of a run are on this machine, and where their time goes.
public struct Benchmark: Sendable, Equatable {
    /// Seconds of a step, by what they are spent on; the lanes' time divided by the lanes.
    public struct Split: Sendable, Equatable {
        public let frozenProducts: Double
        public let lowRankProducts: Double
        /// Products and softmax.
        public let attention: Double
        /// Logits, softmax and their gradient.
        public let loss: Double
        public let packing: Double
        /// The exact sum, and rank 0's update.
        public let reduceAndUpdate: Double
        /// What is left: norms, rotation, activations, copies, lanes that wait for the last one.
        public let rest: Double
    }

    public let lanes: Int
    /// Samples of a step.
    public let batchSize: Int
    public let steps: Int
    /// Median seconds of a step.
    public let stepSeconds: Double
    /// Of a step, on the average.
    public let tokens: Double
    public let computedTokens: Double
    public let targetTokens: Double
    /// Additions and multiplications of a step's matrix products.
    public let operations: Double
    /// Operations a second of a large SGEMM on all lanes.
    public let peakOperationsPerSecond: Double
    public let split: Split
    /// Median seconds of the step's products run alone; `nil` if not asked for.
    public let floorSeconds: Double?
    public let kernels: String
    public let remarks: [String]

    public var operationsPerSecond: Double { operations / stepSeconds }
    /// Floor over step: 1 would be nothing but matrix products.
    public var shareOfFloor: Double? { floorSeconds.map { $0 / stepSeconds } }

    /// Computes the first steps of the run, again and again.
    ///
    /// - Parameters:
    ///   - settings: Settings of the run by their flags' names.
    ///   - configurationFile: `run.yaml`, or `nil`.
    ///   - steps: How many steps make a round.
    ///   - rounds: How often; medians are taken.
    ///   - measuresFloor: Whether to run the products alone too, in turn with the steps.
    /// - Throws: A ``Fault`` naming the flag or file.
    public init(
        settings: [String: String], configurationFile: String?, steps: Int, rounds: Int,
        measuresFloor: Bool, progress: (_ what: String, _ done: Int, _ total: Int) -> Void
    ) throws {
        let run = try RunRehearsal(
            settings: settings, configurationFile: configurationFile, startsMPI: false)
        let cores = ProcessInfo.processInfo.activeProcessorCount
        let plan = run.lanes(ranks: 1, cores: cores)
        let numbers = (1...max(1, min(steps, run.totalSteps)))
        let parts = numbers.map { run.slices(step: $0) }
        let packed = parts.joined().map { run.packed($0) }
        var bounds = SliceBounds()
        for slice in packed { bounds.include(slice) }
        let timed = TimedOperations(run.backend)
        let model = try LanguageModel(
            configuration: run.model.configuration, files: run.model, operations: timed,
            positions: run.longestSequence)
        let step = try run.makeStep(lanes: plan.count, bounds: bounds) {
            Lane(
                model: model, layout: run.layout, bounds: $0, training: true,
                recomputes: run.recomputes)
        }
        let counter = try SliceCounter(run)
        let accounts = packed.map { counter.account(of: $0) }
        let floor = measuresFloor ? GEMMFloor(run.backend, accounts, lanes: plan.count) : nil
        progress("measuring the machine", 0, 1)
        let peak = GEMMFloor.peak(run.backend, on: step.lanes)
        var meter = Meter(parts: parts, packed: packed, lanes: plan.count)
        for round in 0...rounds {
            progress("computing steps", round, rounds + 1)
            // The first round touches memory and is not counted.
            try meter.measure(step, timed, floor, counts: round > 0)
        }

        lanes = plan.count
        batchSize = run.batchSize
        self.steps = parts.count
        let count = Double(parts.count)
        tokens = Double(packed.reduce(0) { $0 + $1.sampleTokens }) / count
        computedTokens = Double(packed.reduce(0) { $0 + $1.tokens.count }) / count
        targetTokens = Double(packed.reduce(0) { $0 + $1.targetTokens.count }) / count
        operations = accounts.reduce(0) { $0 + $1.operations() } / count
        peakOperationsPerSecond = peak
        stepSeconds = meter.stepSeconds
        split = meter.split
        floorSeconds = measuresFloor ? meter.floorSeconds : nil
        kernels = run.backend.identity.description
        remarks = [plan.remark].compactMap { $0 } + run.remarks
    }
}

/// Seconds of rounds of steps.
private struct Meter {
    let parts: [[SliceRule.Part]]
    let packed: [PackedSlice]
    let lanes: Int
    private var rounds: [Round] = []

    init(parts: [[SliceRule.Part]], packed: [PackedSlice], lanes: Int) {
        self.parts = parts
        self.packed = packed
        self.lanes = lanes
    }

    private struct Round {
        var steps = 0.0
        var packing = 0.0
        var reduceAndUpdate = 0.0
        var parts: [TimedOperations.Part: Double] = [:]
        var floor = 0.0
    }

    mutating func measure(
        _ step: TrainingStep, _ timed: TimedOperations, _ floor: GEMMFloor?, counts: Bool
    ) throws {
        var round = Round()
        let pool = step.lanes
        _ = timed.takeSeconds()
        for number in 1...parts.count {
            let began = ContinuousClock.now
            let report = try step.run(number)
            round.steps += (ContinuousClock.now - began) / .seconds(1)
            round.packing += report.sums.packingSeconds / Double(lanes)
            round.reduceAndUpdate +=
                report.sums.summingSeconds / Double(lanes) + report.sums.reduceSeconds
                + report.updateSeconds
        }
        round.parts = timed.takeSeconds().mapValues { $0 / Double(lanes) }
        // In turn with the steps, as a machine that others use changes from second to second.
        if let floor {
            round.floor = parts.indices.reduce(0) { total, step in
                total
                    + floor.seconds([.frozen, .attention, .logits], slices: range(step), on: pool)
            }
        }
        if counts { rounds.append(round) }
    }

    /// Which of all slices are those of a step.
    private func range(_ step: Int) -> Range<Int> {
        let first = parts[..<step].reduce(0) { $0 + $1.count }
        return first..<first + parts[step].count
    }

    private func median(_ value: (Round) -> Double) -> Double {
        rounds.map(value).median / Double(parts.count)
    }

    var stepSeconds: Double { median(\.steps) }
    var floorSeconds: Double { median(\.floor) }

    var split: Benchmark.Split {
        func seconds(_ part: TimedOperations.Part) -> Double { median { $0.parts[part] ?? 0 } }
        let (frozen, lowRank) = (seconds(.frozenProducts), seconds(.lowRankProducts))
        let (attention, loss) = (seconds(.attention), seconds(.loss))
        let (packing, update) = (median(\.packing), median(\.reduceAndUpdate))
        return Benchmark.Split(
            frozenProducts: frozen, lowRankProducts: lowRank, attention: attention, loss: loss,
            packing: packing, reduceAndUpdate: update,
            rest: stepSeconds - frozen - lowRank - attention - loss - packing - update)
    }
}

extension [Double] {
    /// The middle one, or the mean of the two in the middle; 0 of none.
    var median: Double {
        guard !isEmpty else { return 0 }
        let sorted = sorted()
        return (sorted[(count - 1) / 2] + sorted[count / 2]) / 2
    }
}
