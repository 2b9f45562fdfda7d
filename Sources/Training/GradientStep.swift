import Collectives
import Faults
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
    let speeds: RankSpeeds
    let limits: WaitLimits
    let injection: FaultInjection?

    init(
        communicator: any Communicator, pool: LanePool, samples: Samples, schedule: BatchSchedule,
        rule: SliceRule, parameters: LowRankParameters, exponents: [Int64]?, speeds: RankSpeeds,
        limits: WaitLimits, injection: FaultInjection?
    ) {
        self.speeds = speeds
        self.limits = limits
        self.injection = injection
        self.communicator = communicator
        self.pool = pool
        self.samples = samples
        self.schedule = schedule
        self.rule = rule
        self.parameters = parameters
        sum = ExactSum(tensors: parameters.layout.parameterSet.ranges, exponents: exponents)
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
        /// What a person should know of how it came about.
        let remarks: [String]
        let computeSeconds: Double
        let reduceSeconds: Double
        /// What this rank handed to the reductions.
        let reducedBytes: Int
        let ranks: RankMeasurements
    }

    /// What each rank says of itself, by rank.
    struct RankMeasurements {
        /// From the start of the step to its last slice, repeated computations included; 0 where a rank
        /// had none.
        var computeSeconds: [Double] = []
        /// The most memory that was resident.
        var peakMemoryBytes: [Int] = []
    }

    /// What one computation of this rank's slices gave, as far as it tells two computations apart.
    private struct Measurement: Equatable {
        var seenExponents: [Int64]
        var nonFinite: [Int64]
        var summands: [Int64]
    }

    /// What all ranks say of a computation before the sums are sent, reduced by MAX.
    private enum Flag: Int, CaseIterable {
        case lossIsNotFinite, stopRequested, isAbandoned
        /// Ranks, the lowest one largest: see ``rank(of:)``.
        case rankWithoutNumbers, rankThatDiffers
    }

    /// Computes the gradients of `step` and reduces them into ``sum``.
    ///
    /// Where a gradient is not finite, or does not fit the exact sum's exponents, the same slices are
    /// computed once more. That must give the same numbers, bit for bit: if it does not, the machine
    /// of that rank cannot be trusted, and the step begins anew.
    mutating func run(step: Int) throws -> Outcome {
        let slices = rule.cut(schedule.batch(step: step)[...], of: samples)
        let mine = speeds.assigned(slices)
        let tokens = slices.reduce(0) { $0 + $1.computedTokens }
        let exponents = sum.exponents
        var (computeSeconds, reduceSeconds) = (0.0, 0.0)
        var earlier: Measurement?
        var remarks: [String] = []
        var reducedWords = 0
        limits.expect(tokens: tokens)
        for attempt in 0... {
            var watch = Stopwatch()
            var (loss, isAbandoned) = computeSlices(
                mine, of: slices.count, step: step, attempt: attempt)
            computeSeconds += watch.lap()

            let own = Measurement(
                seenExponents: sum.seenExponents, nonFinite: sum.nonFinite,
                summands: loss.summands)
            let differs = !isAbandoned && earlier.map { $0 != own } ?? false
            let (flags, ranks) = try reduce(
                loss, own, isAbandoned: isAbandoned, differs: differs,
                computeSeconds: mine.isEmpty ? 0 : computeSeconds)
            reducedWords +=
                flags.count + 2 * communicator.size + own.seenExponents.count
                + own.nonFinite.count
            isAbandoned = flags[Flag.isAbandoned.rawValue] != 0
            if !isAbandoned, let culprit = rank(of: flags[Flag.rankThatDiffers.rawValue]) {
                remarks.append(
                    "rank \(culprit) computed the same slices twice with different results: its "
                        + "memory or processor is not to be trusted")
                guard remarks.count < Self.mostDifferences else {
                    throw JobFault(
                        problem: remarks[0], location: "step \(step)",
                        hint: "Leave that host out; the same command continues",
                        exitCode: .tryAgain)
                }
                sum.restore(exponents: exponents)
                earlier = nil
                reduceSeconds += watch.lap()
                continue
            }
            let isFinite = flags[Flag.lossIsNotFinite.rawValue] == 0
            let verdict =
                isAbandoned || !isFinite ? .reject(tensor: Self.noTensor) : sum.conclude()
            let isUnsure = verdict == .again || (verdict != .good && earlier == nil)
            if isUnsure && !isAbandoned {
                earlier = own
                reduceSeconds += watch.lap()
                continue
            }
            var summands = loss.summands
            if verdict == .good {
                try communicator.allReduceSum(&sum.sums)
                reducedWords += sum.sums.count
            }
            try communicator.allReduceSum(&summands)
            loss = ExactLoss(summands: summands, isFinite: isFinite)
            reduceSeconds += watch.lap()
            limits.observe(tokens: tokens, seconds: computeSeconds + reduceSeconds)
            let culprit = name(of: verdict, rank(of: flags[Flag.rankWithoutNumbers.rawValue]))
            return Outcome(
                loss: loss, slicesInStep: slices.count, isGood: verdict == .good,
                culprit: isAbandoned ? nil : culprit,
                stopRequested: flags[Flag.stopRequested.rawValue] != 0, isAbandoned: isAbandoned,
                remarks: remarks, computeSeconds: computeSeconds, reduceSeconds: reduceSeconds,
                reducedBytes: 8 * (reducedWords + summands.count), ranks: ranks)
        }
        preconditionFailure("attempts have no end")
    }

    /// A step that ranks compute differently so often ends the job.
    private static let mostDifferences = 3

    /// Reduces what is small and tells whether the sums are worth sending.
    private func reduce(
        _ loss: ExactLoss, _ own: Measurement, isAbandoned: Bool, differs: Bool,
        computeSeconds: Double
    ) throws -> (flags: ArraySlice<Int64>, ranks: RankMeasurements) {
        let place = Int64(communicator.size - communicator.rank)
        let hasNumbers = loss.isFinite && own.nonFinite.allSatisfy { $0 == 0 }
        // The flags, and behind them each rank's speed, nanoseconds and memory.
        let count = Flag.allCases.count
        let size = communicator.size
        var flags = [Int64](repeating: 0, count: count + 3 * size)
        flags[Flag.lossIsNotFinite.rawValue] = loss.isFinite ? 0 : 1
        flags[Flag.stopRequested.rawValue] = StopSignals.arrived() ? 1 : 0
        flags[Flag.isAbandoned.rawValue] = isAbandoned ? 1 : 0
        flags[Flag.rankWithoutNumbers.rawValue] = hasNumbers ? 0 : place
        flags[Flag.rankThatDiffers.rawValue] = differs ? place : 0
        flags[count + communicator.rank] = speeds.report
        flags[count + size + communicator.rank] = Int64(computeSeconds * 1e9)
        flags[count + 2 * size + communicator.rank] = Self.peakMemoryBytes
        try communicator.allReduceMax(&sum.seenExponents)
        try communicator.allReduceMax(&sum.nonFinite)
        try communicator.allReduceMax(&flags)
        speeds.take(flags[count..<count + size])
        return (
            flags[..<(count + size)],
            RankMeasurements(
                computeSeconds: flags[(count + size)..<(count + 2 * size)].map { Double($0) / 1e9 },
                peakMemoryBytes: flags[(count + 2 * size)...].map { Int($0) })
        )
    }

    /// The most memory of this process that was resident, mapped weights included.
    private static var peakMemoryBytes: Int64 {
        var usage = rusage()
        return getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0
            ? Int64(usage.ru_maxrss) * 1024 : 0
    }

    /// The rank behind a reduced flag, `nil` for none.
    private func rank(of flag: Int64) -> Int? {
        flag == 0 ? nil : communicator.size - Int(flag)
    }

    private func computeSlices(
        _ mine: [SliceRule.Part], of sliceCount: Int, step: Int, attempt: Int
    ) -> (loss: ExactLoss, isAbandoned: Bool) {
        sum.begin()
        speeds.beginMeasuring()
        let turn = NSLock()
        var loss = ExactLoss.zero
        var isAbandoned = false
        pool.forEach(count: mine.count) { lane, index in
            if StopSignals.arrived() {
                turn.withLock { isAbandoned = true }
                return
            }
            let watch = Stopwatch()
            lane.pack(samples, mine[index], rule)
            let losses = lane.lossesAndGradient(parameters)
            speeds.measured(tokens: mine[index].computedTokens, nanoseconds: watch.nanoseconds)
            if index == 0, let injection {
                lane.withGradient {
                    injection.spoil(
                        $0, workerRank: communicator.rank, step: step, attempt: attempt)
                }
            }
            turn.withLock {
                lane.addGradient(to: sum, slicesInStep: sliceCount)
                loss.add(losses: losses, of: lane.slice)
            }
        }
        return (loss, isAbandoned)
    }

    /// In place of a tensor's index where the loss itself is not finite.
    private static let noTensor = -1

    private func name(of verdict: ExactSum.Verdict, _ rank: Int?) -> String? {
        guard case .reject(let tensor) = verdict else { return nil }
        let place = rank.map { " of rank \($0)" } ?? ""
        guard tensor >= 0 else { return "the loss\(place)" }
        let pair = parameters.layout.pairs[tensor / 2]
        return "the gradient of \(pair.modulePath).lora_\(tensor % 2 == 0 ? "A" : "B")\(place)"
    }
}
