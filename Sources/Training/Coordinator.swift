import Adapters
import Checkpoints
import Faults
import Foundation
import Kernels
import ModelFiles
import Optimization
import ProgressReports
import Tensors
import Transformer

/// What rank 0 does beside computing slices: the update, the checkpoints and the reports.
final class Coordinator {
    let folder: RunFolder
    let runID: String
    let reporter: ProgressReporter
    let adapter: PEFTAdapter
    let adam: AdamW
    let learningRate: LearningRateSchedule
    let clipNorm: Double
    /// The state's description; `step`, exponents and losses are brought up to date before a save.
    var document: RunDocument
    private let gradient: FloatBuffer
    private let writer: CheckpointWriter
    private let secondsBefore: Double
    private var currentStep: Int
    private var clipping = ClippingCount()
    private var remaining = RemainingTime()
    private let watch = Stopwatch()

    init(
        folder: RunFolder, runID: String, reporter: ProgressReporter,
        synchronizeMetrics: @escaping @Sendable () -> Void,
        adapter: PEFTAdapter, adam: AdamW, configuration: RunConfiguration,
        document: RunDocument, makesArchives: Bool
    ) {
        self.folder = folder
        self.runID = runID
        self.reporter = reporter
        self.adapter = adapter
        self.document = document
        clipNorm = configuration.clipNorm
        learningRate = LearningRateSchedule(
            shape: configuration.schedule, peak: configuration.learningRate,
            warmupSteps: configuration.warmupSteps, totalSteps: document.totalSteps)
        self.adam = adam
        gradient = FloatBuffer(count: adapter.parameters.layout.parameterCount)
        writer = CheckpointWriter(
            folder: folder, runID: runID, keep: configuration.keep, adapter: adapter,
            reporter: reporter, synchronizeMetrics: synchronizeMetrics, makesArchives: makesArchives
        )
        secondsBefore = document.seconds
        currentStep = document.step
    }

    // MARK: The update

    /// What an update was made of.
    struct Update {
        let learningRate: Double
        /// Norm of the gradient before clipping.
        let norm: Double
        /// What the gradient was multiplied by.
        let clipFactor: Double
        /// Whether every parameter and moment is finite afterwards.
        let isFinite: Bool
    }

    /// Averages, clips and applies the reduced gradient of `step`.
    func update(
        step: Int, sum: ExactSum, outcome: GradientStep.Outcome
    ) -> Update {
        sum.read(
            into: gradient, slicesInStep: outcome.slicesInStep,
            factor: 1 / Double(outcome.loss.targetTokens))
        let norm = GradientClipping.globalNorm(gradient)
        let factor = GradientClipping.clip(gradient, norm: norm, limit: clipNorm)
        clipping.count(factor)
        let rate = learningRate.rate(step: step)
        adam.update(
            adapter.parameters.buffer, gradient: gradient, step: step, learningRate: rate)
        return Update(learningRate: rate, norm: norm, clipFactor: factor, isFinite: isFinite)
    }

    private var isFinite: Bool {
        [adapter.parameters.buffer, adam.firstMoment, adam.secondMoment].allSatisfy { buffer in
            // NaN and infinity survive a subtraction from themselves as NaN, so one sum finds all.
            var flaw: Float = 0
            for value in buffer.elements { flaw += value - value }
            return flaw == 0
        }
    }

    // MARK: Checkpoints

    /// Has the state after `step` saved while training goes on.
    func submit(step: Int, exponents: [Int64]) {
        document.step = step
        document.exponents = exponents
        document.seconds = seconds
        writer.submit(
            document, [adapter.parameters.buffer, adam.firstMoment, adam.secondMoment])
    }

    /// Saves the state after `step`; a failure is reported.
    ///
    /// - Returns: Whether the checkpoint is durable.
    func save(step: Int, exponents: [Int64]) -> Bool {
        submit(step: step, exponents: exponents)
        return writer.drain() == step
    }

    /// Whether another job has taken the run over.
    var isFencedOut: Bool { folder.lease.wasLost }

    /// Whether a checkpoint is ready for the hosts that keep copies.
    var hasArchive: Bool { writer.hasArchive }

    /// The newest durable checkpoint that no other host has yet.
    func takeArchive() -> [UInt8]? { writer.takeArchive() }

    // MARK: Reports

    /// Seconds of training, over all jobs of the run.
    var seconds: Double { secondsBefore + watch.seconds }

    func report(
        step: Int, epoch: Int, _ outcome: GradientStep.Outcome,
        _ update: Update?, updateSeconds: Double, stepSeconds: Double
    ) {
        let loss = outcome.loss
        currentStep = step
        remaining.completed(step: step, at: watch.seconds)
        var details = ProgressRecord.Step.Details()
        details.stepSeconds = stepSeconds
        details.targetTokensPerSecond = Double(loss.targetTokens) / stepSeconds
        details.computedTokens = Int(loss.computedTokens)
        details.computedTokensPerSecond = Double(loss.computedTokens) / stepSeconds
        details.clipFactor = update?.clipFactor
        details.clipShare = clipping.share
        details.reducedBytes = outcome.reducedBytes
        details.secondsLeft = remaining.seconds(totalSteps: document.totalSteps)
        details.rankComputeSeconds = outcome.ranks.computeSeconds
        details.rankPeakMemoryBytes = outcome.ranks.peakMemoryBytes
        if loss.isFinite { document.loss = loss.mean }
        reporter.report(
            .step(
                .init(
                    step: step, epoch: epoch, loss: loss.mean,
                    targetTokens: Int(loss.targetTokens), tokens: Int(loss.tokens),
                    tokensPerSecond: Double(loss.tokens) / stepSeconds,
                    learningRate: update?.learningRate ?? learningRate.rate(step: step),
                    gradientNorm: update?.norm ?? .nan, computeSeconds: outcome.computeSeconds,
                    reduceSeconds: outcome.reduceSeconds, updateSeconds: updateSeconds,
                    details: details)))
    }

    func report(evaluationAt step: Int, _ loss: ExactLoss, samples: Int, seconds: Double) {
        document.evaluationLoss = loss.isFinite ? loss.mean : nil
        reporter.report(
            .evaluation(
                .init(
                    step: step, loss: loss.mean, targetTokens: Int(loss.targetTokens),
                    samples: samples, seconds: seconds)))
    }

    deinit { writer.close() }

    func warn(step: Int, _ message: String) {
        reporter.report(.warning(.init(step: step, message: message)))
    }

    /// Says why the run ends early and lets the sinks deliver it.
    func fail(exitCode: ExitCode, _ message: String) {
        _ = writer.drain()
        reporter.report(
            .failed(
                .init(step: currentStep, exitCode: Int(exitCode.rawValue), message: message)))
        reporter.finish(timeoutSeconds: ProgressReporter.endSeconds)
    }

    /// Writes the adapter and the final record, and says so.
    func finish() throws {
        _ = writer.drain()
        let digest = try folder.finish(
            adapter,
            record: FinalRecord(
                step: document.step, loss: document.loss, evaluationLoss: document.evaluationLoss,
                adapterSHA256: ""))
        reporter.report(
            .finished(
                .init(
                    step: document.step, loss: document.loss ?? .nan,
                    evaluationLoss: document.evaluationLoss ?? .nan, seconds: seconds,
                    adapterPath: folder.adapterPath, adapterSHA256: digest,
                    longestHandOverSeconds: reporter.longestHandOverSeconds)))
        if let record = folder.finalRecord() {
            LaunchStatus()?.tell(.finished(record.adapterSHA256))
        }
    }
}
