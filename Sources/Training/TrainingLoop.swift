import Collectives
import Faults
import Foundation
import Kernels
import ProgressReports
import RunSettings
import Slices
import Tensors
import Transformer

/// The loop over steps, on every rank.
///
/// Whether a collective runs depends only on what all ranks know alike.
final class TrainingLoop {
    private let configuration: RunConfiguration
    private let communicator: any Communicator
    private let agreement: Agreement
    private let totalSteps: Int
    private let step: TrainingStep
    private let evaluation: Evaluation?
    /// On rank 0 only.
    private let recorder: RunRecorder?
    private let limits: WaitLimits
    private let copies: CheckpointCopies
    private var rejectedInARow = 0

    /// A run whose gradients stay broken is ended after this many steps.
    private static let rejectionLimit = 5

    init(
        configuration: RunConfiguration, communicator: any Communicator, totalSteps: Int,
        step: TrainingStep, evaluation: Evaluation?, recorder: RunRecorder?, limits: WaitLimits,
        copies: CheckpointCopies
    ) {
        self.configuration = configuration
        self.communicator = communicator
        agreement = Agreement(communicator: communicator)
        self.totalSteps = totalSteps
        self.step = step
        self.evaluation = evaluation
        self.recorder = recorder
        self.limits = limits
        self.copies = copies
    }

    /// Trains from the step after `resumedStep` (`nil`: a new run) to the end.
    ///
    /// - Returns: Success, or ``ExitCode/tryAgain`` after a stop signal.
    func run(resumedStep: Int?) throws -> ExitCode {
        try step.broadcastParameters()
        if resumedStep == nil {
            try evaluate(step: 0)
            _ = try save(step: 0, mustSucceed: false)
        }
        // The last step whose checkpoint all ranks know to be durable.
        var saved = resumedStep ?? 0
        for number in stride(from: saved + 1, through: totalSteps, by: 1) {
            let sums = try train(number)
            let isAbandoned = sums.end == .abandoned
            let done = isAbandoned ? number - 1 : number
            let isLast = done == totalSteps
            if !isAbandoned && (isLast || isDue(number, every: configuration.evalEvery)) {
                try evaluate(step: number)
            }
            let stops = (isAbandoned || sums.isStopRequested) && !isLast
            if isLast || stops {
                if saved < done { _ = try save(step: done, mustSucceed: true) }
                saved = done
                if stops { try sendLastCopy() }
            } else if isDue(done, every: configuration.checkpointEvery) {
                recorder?.submit(step: done, exponents: step.exponents)
            }
            if stops {
                throw JobFault(
                    problem: "stopped by a signal; the checkpoint of step \(saved) is durable",
                    location: nil, hint: "The same command continues", exitCode: .tryAgain)
            }
        }
        try sendLastCopy()
        try agreement.phase { try recorder?.finish() }
        return .success
    }

    private func isDue(_ step: Int, every interval: Int?) -> Bool {
        interval.map { step.isMultiple(of: $0) } ?? false
    }

    // ------------------------------------------------------------------ after each step

    /// One step, and what follows from it before anything of it is saved.
    private func train(_ number: Int) throws -> StepSums {
        let watch = Stopwatch()
        let report = try step.run(number)
        guard let closing = report.closing else { return report.sums }
        try refuseOtherWriter(closing)
        if closing.replicasDiffer {
            throw try step.parameters.faultOfReplicas(communicator, step: number)
        }
        try sendCopy(closing)
        try refuse(notFiniteUpdate: closing, step: number)
        try count(report.sums.end, step: number)
        recorder?.report(report, stepSeconds: watch.seconds)
        return report.sums
    }

    /// - Throws: ``JobFault`` with exit code 76 if another job has taken over.
    private func refuseOtherWriter(_ closing: StepClosing) throws {
        guard closing.isFencedOut else { return }
        throw JobFault(
            problem: "another job has taken this run over; this one writes nothing more",
            location: configuration.out, hint: "Leave the run to the other job",
            exitCode: .fencedOut)
    }

    private func refuse(notFiniteUpdate closing: StepClosing, step: Int) throws {
        guard !closing.updateIsFinite else { return }
        throw JobFault(
            problem: "the update left numbers that are not finite in the adapter",
            location: "step \(step)",
            hint: "Lower --lr; the checkpoints before this step stand", exitCode: .badInput)
    }

    /// Rejected steps leave the adapter as it was; too many in a row end the run, on all ranks.
    private func count(_ end: StepSums.End, step: Int) throws {
        guard case .rejected(let culprit) = end else {
            rejectedInARow = 0
            return
        }
        rejectedInARow += 1
        recorder?.warn(
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

    // ------------------------------------------------------------------ copies and evaluation

    /// Sends a durable checkpoint to the hosts that keep copies, if there is one and they are ready.
    private func sendCopy(_ closing: StepClosing) throws {
        guard closing.sendsCopy else { return }
        try copies.send(
            recorder?.takeArchive(), metricsPath: recorder?.folder.metricsPath,
            fromStart: closing.keepersLackHistory)
    }

    /// Before the job ends, the last checkpoint is durable wherever it is kept.
    private func sendLastCopy() throws {
        copies.drain()
        let upkeep = RunUpkeep(recorder, copies)
        try sendCopy(
            StepClosing(updateIsFinite: true, digest: 0, upkeep).reduced(over: communicator))
        copies.drain()
        try agreement.phase {}
    }

    private func evaluate(step: Int) throws {
        guard let evaluation else { return }
        let watch = Stopwatch()
        let loss = try evaluation.run(self.step.parameters)
        recorder?.report(
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
        if let recorder {
            saved[0] = recorder.save(step: step, exponents: self.step.exponents) ? 1 : 0
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
