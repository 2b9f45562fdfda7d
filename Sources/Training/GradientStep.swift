import Collectives
import Foundation
import Kernels
import Slices
import Transformer

/// The part of a step that all ranks share: from the batch to the reduced sums.
struct GradientStep {
    let communicator: any Communicator
    let pool: LanePool
    let samples: Samples
    let schedule: BatchSchedule
    let rule: SliceRule
    let parameters: LowRankParameters
    let sum: ExactSum
    let limits: WaitLimits

    init(
        communicator: any Communicator, pool: LanePool, samples: Samples, schedule: BatchSchedule,
        rule: SliceRule, parameters: LowRankParameters, exponents: [Int64]?, limits: WaitLimits
    ) {
        self.limits = limits
        self.communicator = communicator
        self.pool = pool
        self.samples = samples
        self.schedule = schedule
        self.rule = rule
        self.parameters = parameters
        sum = ExactSum(tensors: parameters.layout.tensors, exponents: exponents)
    }

    /// What all ranks know after the reduction.
    struct Outcome {
        var loss: ExactLoss
        let slicesInStep: Int
        /// `false`: a NaN or infinity appeared in `culprit`; no rank may update.
        let isGood: Bool
        let culprit: String?
        let stopRequested: Bool
        /// A rank stopped before its last slice: there is no gradient, the state is that of the
        /// step before.
        let isAbandoned: Bool
        let computeSeconds: Double
        let reduceSeconds: Double
    }

    /// Computes the gradients of `step` and reduces them into ``sum``.
    mutating func run(step: Int) throws -> Outcome {
        let slices = rule.cut(schedule.batch(step: step)[...], of: samples)
        let mine = assignSlices(slices, ranks: communicator.size)[communicator.rank]
        let tokens = slices.reduce(0) { $0 + $1.computedTokens }
        var (computeSeconds, reduceSeconds) = (0.0, 0.0)
        limits.expect(tokens: tokens)
        while true {
            var watch = Stopwatch()
            var (loss, isAbandoned) = computeSlices(mine, of: slices.count)
            computeSeconds += watch.lap()

            // Maxima first: they are small, and tell whether the sums are worth sending.
            var flags: [Int64] = [loss.isFinite, !StopSignals.arrived(), !isAbandoned]
                .map { $0 ? 0 : 1 }
            try communicator.allReduceMax(&sum.seenExponents)
            try communicator.allReduceMax(&sum.nonFinite)
            try communicator.allReduceMax(&flags)
            isAbandoned = flags[2] != 0
            let verdict =
                isAbandoned || flags[0] != 0 ? .reject(tensor: Self.noTensor) : sum.conclude()
            if verdict == .again {
                reduceSeconds += watch.lap()
                continue
            }
            var summands = loss.summands
            if verdict == .good { try communicator.allReduceSum(&sum.sums) }
            try communicator.allReduceSum(&summands)
            loss = ExactLoss(summands: summands, isFinite: flags[0] == 0)
            reduceSeconds += watch.lap()
            limits.observe(tokens: tokens, seconds: computeSeconds + reduceSeconds)
            return Outcome(
                loss: loss, slicesInStep: slices.count, isGood: verdict == .good,
                culprit: isAbandoned ? nil : name(of: verdict), stopRequested: flags[1] != 0,
                isAbandoned: isAbandoned,
                computeSeconds: computeSeconds, reduceSeconds: reduceSeconds)
        }
    }

    private func computeSlices(
        _ mine: [SliceRule.Part], of sliceCount: Int
    ) -> (loss: ExactLoss, isAbandoned: Bool) {
        sum.begin()
        let turn = NSLock()
        var loss = ExactLoss.zero
        var isAbandoned = false
        pool.forEach(count: mine.count) { lane, index in
            if StopSignals.arrived() {
                turn.withLock { isAbandoned = true }
                return
            }
            lane.slice.pack(samples, mine[index], rule)
            let losses = lane.lossesAndGradient(lane.slice, parameters)
            turn.withLock {
                sum.add(lane.gradient, slicesInStep: sliceCount)
                loss.add(losses: losses, of: lane.slice)
            }
        }
        return (loss, isAbandoned)
    }

    /// In place of a tensor's index where the loss itself is not finite.
    private static let noTensor = -1

    private func name(of verdict: ExactSum.Verdict) -> String? {
        guard case .reject(let tensor) = verdict else { return nil }
        guard tensor >= 0 else { return "the loss" }
        let pair = parameters.layout.pairs[tensor / 2]
        return "the gradient of \(pair.modulePath).lora_\(tensor % 2 == 0 ? "A" : "B")"
    }
}
