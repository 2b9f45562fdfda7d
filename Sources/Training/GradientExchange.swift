import Collectives
import Faults
import Foundation
import Kernels
import Slices
import Tensors
import Transformer

/// From the slices of a step to the exact sum of their gradients over all ranks.
///
/// Numbers that cannot be used as they are (they do not fit the exact sum's exponents, or are not
/// finite) are computed once more, and must come out the same, bit for bit. Then they are the data's
/// doing. If they do not, the machine of that rank cannot be trusted, and the step begins anew:
///
///     first ── usable ──────────────────────────────▶ settled: good
///       │ do not fit (the exponents are raised), or not finite
///       ▼
///     confirming ── the same bits, usable now ──────▶ settled: good
///       │      └─── the same bits, not finite ──────▶ settled: rejected
///       │ other bits on a rank: a warning; the third one ends the job
///       ▼
///     first, under the exponents that the step began with
///
/// From any state: a rank that was asked to stop ─────▶ settled: abandoned
final class GradientExchange {
    private let communicator: any Communicator
    private let lanes: LanePool
    private let parameters: LowRankParameters
    private let sum: ExactSum
    private let speeds: RankSpeeds
    private let limits: WaitLimits?
    private let surroundings: StepSurroundings

    init(
        communicator: any Communicator, lanes: LanePool, parameters: LowRankParameters,
        exponents: [Int64]?, speeds: RankSpeeds, limits: WaitLimits?,
        surroundings: StepSurroundings
    ) {
        self.communicator = communicator
        self.lanes = lanes
        self.parameters = parameters
        self.speeds = speeds
        self.limits = limits
        self.surroundings = surroundings
        sum = ExactSum(
            tensors: parameters.layout.parameterSet.ranges, exponents: exponents,
            companions: ExactLoss.summandCount)
    }

    /// The exponents of the next step's sums: part of the run's state.
    var exponents: [Int64] { sum.exponents }

    /// A step that ranks compute differently so often ends the job.
    private static let mostDifferences = 3

    /// How far the sums of a step have come; the same on all ranks.
    private enum State {
        case first
        /// What this rank's first computation gave.
        case confirming(Computation)
        case settled(StepSums.End)
    }

    /// What a computation of this rank's slices gave, as far as it tells two computations apart.
    private struct Computation: Equatable {
        var seenExponents: [Int64] = []
        var nonFinite: [Int64] = []
        var loss = ExactLoss.zero

        var hasNumbers: Bool { loss.isFinite && nonFinite.allSatisfy { $0 == 0 } }
    }

    /// Computes this rank's part of `slices` and reduces all parts.
    ///
    /// Of a good step the sums wait for ``takeMean(of:into:)``.
    ///
    /// - Note: A collective.
    /// - Throws: ``JobFault`` with exit code 75 after ``mostDifferences`` untrusted computations.
    func reduce(_ slices: [SliceRule.Part], of data: StepData, step: Int) throws -> StepSums {
        let mine = speeds.assigned(slices)
        let exponents = sum.exponents
        let tokens = slices.reduce(0) { $0 + $1.computedTokens }
        var sums = StepSums(slicesInStep: slices.count)
        var (state, differences) = (State.first, 0)
        limits?.expect(tokens: tokens)
        while true {
            var mark = surroundings.nanoseconds()
            var (own, isAbandoned) = compute(mine, of: data, step: step, &sums)
            sums.computeSeconds += surroundings.lap(&mark)
            var ballot = ballot(own, after: state, isAbandoned: isAbandoned)
            ballot.ranks[communicator.rank].computeNanoseconds =
                mine.isEmpty ? 0 : Int64(sums.computeSeconds * 1e9)
            ballot = try ballot.reduced(over: communicator)
            sums.take(ballot)
            speeds.take(ballot.ranks.map(\.picosecondsPerToken))
            if !ballot.isAbandoned, let culprit = ballot.rankThatDiffers {
                differences += 1
                try distrust(culprit, isLast: differences == Self.mostDifferences, step: step)
                sum.restore(exponents: exponents)
                state = .first
            } else {
                state = next(after: state, own, ballot)
            }
            if case .settled(let end) = state {
                sums.end = end
                try reduce(&own.loss, lossIsFinite: ballot.lossIsFinite, &sums)
                sums.reduceSeconds += surroundings.lap(&mark)
                limits?.observe(
                    tokens: tokens, seconds: sums.computeSeconds + sums.reduceSeconds)
                return sums
            }
            sums.reduceSeconds += surroundings.lap(&mark)
        }
    }

    /// Ends the life of a good step's sums, on all ranks.
    ///
    /// - Parameter gradient: Filled with `sum ÷ target tokens`, rounded once; `nil` where nobody
    ///   needs it.
    func takeMean(of sums: StepSums, into gradient: FloatBuffer?) {
        if let gradient {
            sum.read(
                into: gradient, slicesInStep: sums.slicesInStep,
                factor: 1 / Double(sums.loss.targetTokens))
        }
        sum.finishStep()
    }

    // ------------------------------------------------------------------ the states

    /// What follows from a ballot in which no rank's numbers differ.
    private func next(after state: State, _ own: Computation, _ ballot: StepBallot) -> State {
        guard !ballot.isAbandoned else { return .settled(.abandoned) }
        var culprit = "the loss"
        if ballot.lossIsFinite {
            (sum.seenExponents, sum.nonFinite) = (ballot.seenExponents, ballot.nonFinite)
            switch sum.conclude() {
            case .good: return .settled(.good)
            case .again: return .confirming(own)
            case .reject(let tensor):
                culprit =
                    "the gradient of \(parameters.layout.parameterSet.tensors[tensor].shortName)"
            }
        }
        guard case .confirming = state else { return .confirming(own) }
        let place = ballot.rankWithoutNumbers.map { " of rank \($0)" } ?? ""
        return .settled(.rejected(culprit: culprit + place))
    }

    private func distrust(_ culprit: Int, isLast: Bool, step: Int) throws {
        let problem =
            "rank \(culprit) computed the same slices twice with different results: its "
            + "memory or processor is not to be trusted"
        surroundings.warn(step, "step \(step): \(problem)")
        guard isLast else { return }
        throw JobFault(
            problem: problem, location: "step \(step)",
            hint: "Leave that host out; the same command continues", exitCode: .tryAgain)
    }

    // ------------------------------------------------------------------ messages

    private func ballot(
        _ own: Computation, after state: State, isAbandoned: Bool
    ) -> StepBallot {
        var ballot = StepBallot(
            seenExponents: own.seenExponents, nonFinite: own.nonFinite, ranks: communicator.size)
        ballot.isAbandoned = isAbandoned
        ballot.isStopRequested = surroundings.isStopRequested()
        ballot.lossIsFinite = own.loss.isFinite
        ballot.rankWithoutNumbers = own.hasNumbers ? nil : communicator.rank
        if !isAbandoned, case .confirming(let earlier) = state, earlier != own {
            ballot.rankThatDiffers = communicator.rank
        }
        ballot.ranks[communicator.rank].picosecondsPerToken = speeds.report
        ballot.ranks[communicator.rank].peakMemoryBytes = Int64(surroundings.peakMemoryBytes())
        return ballot
    }

    /// Sums of a good step travel with the loss; of a rejected one the loss travels alone.
    private func reduce(
        _ loss: inout ExactLoss, lossIsFinite: Bool, _ sums: inout StepSums
    ) throws {
        guard sums.end != .abandoned else { return }
        var summands = loss.summands
        sums.reducedBytes += 8 * summands.count
        if sums.end == .good {
            sums.reducedBytes += 8 * sum.sums.count
            summands = try sum.reduce(with: summands) { try communicator.allReduceSum(&$0) }
        } else {
            try communicator.allReduceSum(&summands)
        }
        sums.loss = ExactLoss(summands: summands, isFinite: lossIsFinite)
    }

    // ------------------------------------------------------------------ computing

    private func compute(
        _ mine: [SliceRule.Part], of data: StepData, step: Int, _ sums: inout StepSums
    ) -> (own: Computation, isAbandoned: Bool) {
        sum.begin()
        speeds.beginMeasuring()
        let turn = NSLock()
        let (slicesInStep, attempt) = (sums.slicesInStep, sums.computations)
        var (loss, isAbandoned) = (ExactLoss.zero, false)
        var (packing, summing) = (UInt64(0), UInt64(0))
        lanes.forEach(count: mine.count) { [self] lane, index in
            if surroundings.isStopRequested() {
                turn.withLock { isAbandoned = true }
                return
            }
            let began = surroundings.nanoseconds()
            lane.pack(data.samples, mine[index], data.rule)
            let packed = surroundings.nanoseconds()
            let losses = lane.lossesAndGradient(parameters)
            speeds.measured(
                tokens: mine[index].computedTokens,
                nanoseconds: surroundings.nanoseconds() - began)
            if index == 0, let injection = surroundings.injection {
                lane.withGradient {
                    injection.spoil(
                        $0, workerRank: communicator.rank, step: step, attempt: attempt)
                }
            }
            turn.withLock {
                let added = surroundings.nanoseconds()
                lane.addGradient(to: sum, slicesInStep: slicesInStep)
                loss.add(losses: losses, of: lane.slice)
                packing += packed - began
                summing += surroundings.nanoseconds() - added
            }
        }
        sums.computations += 1
        sums.packingSeconds += Double(packing) * 1e-9
        sums.summingSeconds += Double(summing) * 1e-9
        let own = Computation(
            seenExponents: sum.seenExponents, nonFinite: sum.nonFinite, loss: loss)
        return (own, isAbandoned)
    }
}

/// What all ranks know of a step once its sums are reduced.
public struct StepSums {
    /// How it ended; the same on all ranks.
    public enum End: Sendable, Equatable {
        case good
        /// A NaN or infinity, twice the same: no rank may update.
        case rejected(culprit: String)
        /// A rank stopped before its last slice: there is no gradient, the state is that of the step
        /// before.
        case abandoned
    }

    public internal(set) var end = End.abandoned
    /// Losses and tokens of all ranks; nothing of an abandoned step.
    var loss = ExactLoss.zero
    public let slicesInStep: Int
    public internal(set) var isStopRequested = false
    /// How often the slices were computed.
    public internal(set) var computations = 0
    public internal(set) var computeSeconds = 0.0
    /// What waiting for the others and the reductions took.
    public internal(set) var reduceSeconds = 0.0
    /// Of this rank's lanes together: packing of slices, and additions to the exact sum.
    public internal(set) var packingSeconds = 0.0
    public internal(set) var summingSeconds = 0.0
    /// What this rank handed to the reductions.
    public internal(set) var reducedBytes = 0
    var ranks: [StepBallot.RankMeasurement] = []

    init(slicesInStep: Int) { self.slicesInStep = slicesInStep }

    /// Mean loss of a target token, nats; NaN if one was not finite.
    public var meanLoss: Double { loss.mean }

    fileprivate mutating func take(_ ballot: StepBallot) {
        isStopRequested = ballot.isStopRequested
        ranks = ballot.ranks
        reducedBytes += 8 * ballot.wordCount
    }
}
