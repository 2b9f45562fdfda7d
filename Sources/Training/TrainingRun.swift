import Collectives
import Faults
import Foundation
import Kernels
import ProgressReports
import Slices
import Tensors
import Transformer

/// The loop over steps, on every rank.
///
/// Whether a collective runs depends only on what all ranks know alike.
final class TrainingRun {
    private let configuration: RunConfiguration
    private let communicator: any Communicator
    private let agreement: Agreement
    private let totalSteps: Int
    private let parameters: LowRankParameters
    private let evaluation: Evaluation?
    /// On rank 0 only.
    private let coordinator: Coordinator?
    private var gradientStep: GradientStep
    private let limits: WaitLimits
    private let copies: CheckpointCopies
    private var rejectedInARow = 0

    /// A run whose gradients stay broken is ended after this many steps.
    private static let rejectionLimit = 5

    init(
        configuration: RunConfiguration, communicator: any Communicator, totalSteps: Int,
        evaluation: Evaluation?, coordinator: Coordinator?, gradientStep: GradientStep,
        limits: WaitLimits, copies: CheckpointCopies
    ) {
        self.copies = copies
        self.limits = limits
        self.configuration = configuration
        self.communicator = communicator
        agreement = Agreement(communicator: communicator)
        self.totalSteps = totalSteps
        parameters = gradientStep.parameters
        self.evaluation = evaluation
        self.coordinator = coordinator
        self.gradientStep = gradientStep
    }

    /// Trains from the step after `resumedStep` (`nil`: a new run) to the end.
    ///
    /// - Returns: Success, or ``ExitCode/tryAgain`` after a stop signal.
    func run(resumedStep: Int?) throws -> ExitCode {
        try broadcastParameters()
        if resumedStep == nil {
            try evaluate(step: 0)
            _ = try save(step: 0, mustSucceed: false)
        }
        // The last step whose checkpoint all ranks know to be durable.
        var saved = resumedStep ?? 0
        for step in stride(from: saved + 1, through: totalSteps, by: 1) {
            let end = try train(step: step)
            let done = end == .abandoned ? step - 1 : step
            let isLast = done == totalSteps
            let isNew = end != .abandoned
            if isNew && (isLast || isDue(step, every: configuration.evalEvery)) {
                try evaluate(step: step)
            }
            let stops = end != .completed && !isLast
            if isLast || stops {
                if saved < done { _ = try save(step: done, mustSucceed: true) }
                saved = done
                if stops { try shareLastCheckpoint() }
            } else if isDue(done, every: configuration.checkpointEvery) {
                coordinator?.submit(step: done, exponents: gradientStep.sum.exponents)
            }
            if stops {
                throw JobFault(
                    problem: "stopped by a signal; the checkpoint of step \(saved) is durable",
                    location: nil, hint: "The same command continues", exitCode: .tryAgain)
            }
        }
        try shareLastCheckpoint()
        try agreement.phase { try coordinator?.finish() }
        return .success
    }

    private func isDue(_ step: Int, every interval: Int?) -> Bool {
        interval.map { step.isMultiple(of: $0) } ?? false
    }

    // ------------------------------------------------------------------ the step

    /// How a step ended; the same on all ranks.
    private enum StepEnd {
        case completed
        /// Completed, and a rank was asked to stop.
        case completedThenStop
        /// A rank was asked to stop before the gradients were complete: nothing has changed.
        case abandoned
    }

    /// One step: gradients, reduction, update, broadcast.
    private func train(step: Int) throws -> StepEnd {
        var watch = Stopwatch()
        let outcome = try gradientStep.run(step: step)
        if outcome.isAbandoned { return .abandoned }
        for remark in outcome.remarks { coordinator?.warn(step: step, "step \(step): \(remark)") }
        let total = Stopwatch()
        let update =
            outcome.isGood
            ? coordinator?.update(step: step, sum: gradientStep.sum, outcome: outcome) : nil
        if outcome.isGood {
            gradientStep.sum.finishStep()
            try broadcastParameters()
        }
        let updateSeconds = total.seconds
        gradientStep.injection?.spoil(
            replica: parameters.buffer, workerRank: communicator.rank, step: step)
        try judge(outcome, update, step: step)
        coordinator?.report(
            step: step, epoch: gradientStep.schedule.epoch(ofStep: step), outcome, update,
            updateSeconds: updateSeconds, stepSeconds: watch.lap())
        return outcome.stopRequested ? .completedThenStop : .completed
    }

    /// Every replica holds the coordinator's bits.
    private func broadcastParameters() throws {
        try communicator.broadcast(
            UnsafeMutableRawBufferPointer(parameters.buffer.elements))
    }

    // ------------------------------------------------------------------ around the step

    /// Rejected steps leave the adapter as it was; too many in a row end the run, on all ranks, and
    /// so does an update that left no finite numbers. Nothing of it has been saved yet.
    private func judge(
        _ outcome: GradientStep.Outcome, _ update: Coordinator.Update?, step: Int
    ) throws {
        var signals = StepSignals(
            isNotFinite: !(update?.isFinite ?? true), coordinator, copies,
            digest: digest)
        try signals.exchange(communicator)
        try signals.refuseOtherWriter(out: configuration.out)
        if signals.replicasDiffer { try accuse(step: step) }
        try share(signals)
        guard !signals.isNotFinite else {
            throw JobFault(
                problem: "the update left numbers that are not finite in the adapter",
                location: "step \(step)",
                hint: "Lower --lr; the checkpoints before this step stand", exitCode: .badInput)
        }
        guard let culprit = outcome.culprit else {
            rejectedInARow = 0
            return
        }
        rejectedInARow += 1
        coordinator?.warn(
            step: step,
            "step \(step) rejected: \(culprit) is not finite, twice the same; the adapter is unchanged"
        )
        guard rejectedInARow < Self.rejectionLimit, step < totalSteps else {
            throw JobFault(
                problem: "\(culprit) was not finite in \(rejectedInARow) steps in a row",
                location: "step \(step)",
                hint: "Lower --lr, or look for broken rows in --data; checkpoints up to here stand",
                exitCode: .badInput)
        }
    }

    // ------------------------------------------------------------------ replicas and copies

    /// 63 bits that differ between this rank's replica and one with a flipped bit: x ← (x ⊕ w) · odd over
    /// its 32-bit words is a bijection in each word. Some GB/s, after every update.
    private var digest: Int64 {
        var digest: UInt64 = 0x9E37_79B9_7F4A_7C15
        for value in parameters.buffer.elements {
            digest = (digest ^ UInt64(value.bitPattern)) &* 0xD6E8_FEB8_6659_FD93
        }
        return Int64(bitPattern: (digest ^ (digest >> 32)) >> 1)
    }

    /// Names the ranks whose replica is not rank 0's.
    private func accuse(step: Int) throws {
        let own = withUnsafeBytes(of: digest.littleEndian) { [UInt8]($0) }
        let all = try communicator.allGather(own)
        let others = all.indices.filter { all[$0] != all[0] }.map(String.init)
        throw JobFault(
            problem: "the adapter on rank \(others.joined(separator: ", ")) differs from rank 0's: "
                + "its memory or network is not to be trusted", location: "step \(step)",
            hint: "The same command continues from the last checkpoint; leave that host out if it "
                + "comes again", exitCode: .tryAgain)
    }

    /// Sends a durable checkpoint to the hosts that keep copies, if there is one and they are ready.
    private func share(_ signals: StepSignals) throws {
        guard signals.sendsCopy else { return }
        try copies.send(
            coordinator?.takeArchive(), metricsPath: coordinator?.folder.metricsPath,
            fromStart: signals.keepersLackHistory)
    }

    /// Before the job ends, the last checkpoint is durable wherever it is kept.
    private func shareLastCheckpoint() throws {
        copies.drain()
        var signals = StepSignals(isNotFinite: false, coordinator, copies, digest: 0)
        try signals.exchange(communicator)
        try share(signals)
        copies.drain()
        try agreement.phase {}
    }

    private func evaluate(step: Int) throws {
        guard let evaluation else { return }
        let watch = Stopwatch()
        let loss = try evaluation.run(parameters)
        coordinator?.report(
            evaluationAt: step, loss, samples: evaluation.samples.count, seconds: watch.seconds)
        guard loss.isFinite else {
            throw JobFault(
                problem: "the held-out loss is not finite", location: "step \(step)",
                hint: step == 0
                    ? "The base model or the starting adapter is damaged"
                    : "Lower --lr; the checkpoints before this step stand",
                exitCode: .badInput)
        }
    }

    /// Saves and waits until that is done.
    ///
    /// - Parameter mustSucceed: Whether the run cannot go on without this checkpoint.
    /// - Returns: Whether it is durable; the same on all ranks.
    private func save(step: Int, mustSucceed: Bool) throws -> Bool {
        limits.expectAnything()
        var saved = [Int64(0)]
        if let coordinator {
            saved[0] = coordinator.save(step: step, exponents: gradientStep.sum.exponents) ? 1 : 0
        }
        try communicator.allReduceMax(&saved)
        if mustSucceed && saved[0] == 0 {
            throw JobFault(
                problem: "the checkpoint of step \(step) could not be saved",
                location: configuration.out,
                hint: "Make room there; the same command continues from the checkpoint before it",
                exitCode: .tryAgain)
        }
        return saved[0] == 1
    }
}
