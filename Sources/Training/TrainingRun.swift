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
    private var rejectedInARow = 0

    /// A run whose gradients stay broken is ended after this many steps.
    private static let rejectionLimit = 5

    init(
        configuration: RunConfiguration, communicator: any Communicator, totalSteps: Int,
        evaluation: Evaluation?, coordinator: Coordinator?, gradientStep: GradientStep
    ) {
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
            coordinator.map { _ = $0.save(step: 0, exponents: gradientStep.sum.exponents) }
        }
        var saved = resumedStep ?? 0
        for step in stride(from: saved + 1, through: totalSteps, by: 1) {
            let stop = try train(step: step)
            let isLast = step == totalSteps
            if isLast || isDue(step, every: configuration.evalEvery) { try evaluate(step: step) }
            if isLast || stop || isDue(step, every: configuration.checkpointEvery) {
                if try save(step: step, mustSucceed: isLast || stop) { saved = step }
            }
            if stop && !isLast {
                throw JobFault(
                    problem: "stopped by a signal after step \(step); the checkpoint of step "
                        + "\(saved) is durable",
                    location: nil, hint: "The same command continues", exitCode: .tryAgain)
            }
        }
        try agreement.phase { try coordinator?.finish() }
        return .success
    }

    private func isDue(_ step: Int, every interval: Int?) -> Bool {
        interval.map { step.isMultiple(of: $0) } ?? false
    }

    // ------------------------------------------------------------------ the step

    /// One step: gradients, reduction, update, broadcast.
    ///
    /// - Returns: Whether a rank was asked to stop.
    private func train(step: Int) throws -> Bool {
        var watch = Stopwatch()
        let outcome = try gradientStep.run(step: step)
        let total = Stopwatch()
        let update =
            outcome.isGood
            ? coordinator?.update(step: step, sum: gradientStep.sum, outcome: outcome) : nil
        if outcome.isGood {
            gradientStep.sum.finishStep()
            try broadcastParameters()
        }
        let updateSeconds = total.seconds
        try judge(outcome, step: step)
        coordinator?.report(
            step: step, epoch: gradientStep.schedule.epoch(ofStep: step), outcome, update,
            updateSeconds: updateSeconds, stepSeconds: watch.lap())
        return outcome.stopRequested
    }

    /// Every replica holds the coordinator's bits.
    private func broadcastParameters() throws {
        try communicator.broadcast(
            UnsafeMutableRawBufferPointer(parameters.buffer.elements))
    }

    // ------------------------------------------------------------------ around the step

    /// Rejected steps leave the adapter as it was; too many in a row end the run, on all ranks.
    private func judge(_ outcome: GradientStep.Outcome, step: Int) throws {
        guard let culprit = outcome.culprit else {
            rejectedInARow = 0
            return
        }
        rejectedInARow += 1
        coordinator?.warn(
            step: step, "step \(step) rejected: \(culprit) is not finite; the adapter is unchanged")
        guard rejectedInARow < Self.rejectionLimit else {
            throw JobFault(
                problem: "\(culprit) was not finite in \(rejectedInARow) steps in a row",
                location: "step \(step)",
                hint: "Lower --lr, or look for broken rows in --data; checkpoints up to here stand",
                exitCode: .badInput)
        }
    }

    private func evaluate(step: Int) throws {
        guard let evaluation else { return }
        let watch = Stopwatch()
        let loss = try evaluation.run(parameters)
        coordinator?.report(
            evaluationAt: step, loss, samples: evaluation.samples.count, seconds: watch.seconds)
    }

    /// - Parameter mustSucceed: Whether the run cannot go on without this checkpoint.
    /// - Returns: Whether it is durable; the same on all ranks.
    private func save(step: Int, mustSucceed: Bool) throws -> Bool {
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
