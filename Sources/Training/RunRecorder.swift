import Adapters
import Checkpoints
import Faults
import Foundation
import Kernels
import ModelFiles
import Optimization
import ProgressReports
import RunSettings
import Tensors
import Transformer

/// What rank 0 keeps and says of a run: checkpoints, reports, and the final record.
///
/// Nothing here decides a bit of the adapter.
final class RunRecorder {
    let folder: RunFolder
    let runID: String
    let reporter: ProgressReporter
    let adapter: PEFTAdapter
    private let optimizer: AdapterOptimizer
    /// The state's description; `step`, exponents and losses are brought up to date before a save.
    var document: RunDocument
    private let writer: CheckpointWriter
    private let secondsBefore: Double
    private var currentStep: Int
    private var clipping = ClippingCount()
    private var remaining = RemainingTime()
    private let watch = Stopwatch()

    init(
        folder: RunFolder, runID: String, reporter: ProgressReporter,
        synchronizeMetrics: @escaping @Sendable () -> Void,
        adapter: PEFTAdapter, optimizer: AdapterOptimizer, keep: Int, document: RunDocument,
        makesArchives: Bool
    ) {
        self.folder = folder
        self.runID = runID
        self.reporter = reporter
        self.adapter = adapter
        self.document = document
        self.optimizer = optimizer
        writer = CheckpointWriter(
            folder: folder, runID: runID, keep: keep, adapter: adapter,
            reporter: reporter, synchronizeMetrics: synchronizeMetrics, makesArchives: makesArchives
        )
        secondsBefore = document.seconds
        currentStep = document.step
    }

    // MARK: Checkpoints

    /// Has the state after `step` saved while training goes on.
    func submit(step: Int, exponents: [Int64]) {
        document.step = step
        document.exponents = exponents
        document.seconds = seconds
        writer.submit(document, optimizer.state)
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

    /// Reports a step that was not abandoned.
    func report(_ report: StepReport, stepSeconds: Double) {
        let (sums, update) = (report.sums, report.update)
        let loss = sums.loss
        currentStep = report.step
        remaining.completed(step: report.step, at: watch.seconds)
        if let update { clipping.count(update.clipFactor) }
        var details = ProgressRecord.Step.Details()
        details.stepSeconds = stepSeconds
        details.targetTokensPerSecond = Double(loss.targetTokens) / stepSeconds
        details.computedTokens = Int(loss.computedTokens)
        details.computedTokensPerSecond = Double(loss.computedTokens) / stepSeconds
        details.clipFactor = update?.clipFactor
        details.clipShare = clipping.share
        details.reducedBytes = sums.reducedBytes
        details.secondsLeft = remaining.seconds(totalSteps: document.totalSteps)
        details.rankComputeSeconds = sums.ranks.map(\.computeSeconds)
        details.rankPeakMemoryBytes = sums.ranks.map { Int($0.peakMemoryBytes) }
        if loss.isFinite { document.loss = loss.mean }
        reporter.report(
            .step(
                .init(
                    step: report.step, epoch: report.epoch, loss: loss.mean,
                    targetTokens: Int(loss.targetTokens), tokens: Int(loss.tokens),
                    tokensPerSecond: Double(loss.tokens) / stepSeconds,
                    learningRate: update?.learningRate
                        ?? optimizer.learningRate.rate(step: report.step),
                    gradientNorm: update?.norm ?? .nan, computeSeconds: sums.computeSeconds,
                    reduceSeconds: sums.reduceSeconds, updateSeconds: report.updateSeconds,
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
