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
    private let metrics: MetricsFile
    let adapter: PEFTAdapter
    let adam: AdamW
    let learningRate: LearningRateSchedule
    let clipNorm: Double
    let keep: Int
    /// The state's description; `step`, exponents and losses are brought up to date before a save.
    var document: RunDocument
    private let gradient: FloatBuffer
    private var parentManifest: String?
    private let secondsBefore: Double
    private let watch = Stopwatch()

    init(
        folder: RunFolder, runID: String, reporter: ProgressReporter, metrics: MetricsFile,
        adapter: PEFTAdapter, configuration: RunConfiguration, document: RunDocument
    ) {
        self.folder = folder
        self.runID = runID
        self.reporter = reporter
        self.metrics = metrics
        self.adapter = adapter
        self.document = document
        clipNorm = configuration.clipNorm
        keep = configuration.keep
        learningRate = LearningRateSchedule(
            shape: configuration.schedule, peak: configuration.learningRate,
            warmupSteps: configuration.warmupSteps, totalSteps: document.totalSteps)
        adam = AdamW(
            settings: configuration.adam,
            parameterCount: adapter.parameters.layout.parameterCount)
        gradient = FloatBuffer(count: adapter.parameters.layout.parameterCount)
        parentManifest = folder.checkpoint?.loaded.manifestSHA256
        secondsBefore = document.seconds
    }

    // MARK: The update

    /// Averages, clips and applies the reduced gradient of `step`.
    ///
    /// - Returns: The learning rate and the gradient's norm before clipping.
    func update(
        step: Int, sum: ExactSum, outcome: GradientStep.Outcome
    ) -> (learningRate: Double, norm: Double) {
        sum.read(
            into: gradient, slicesInStep: outcome.slicesInStep,
            factor: 1 / Double(outcome.loss.targetTokens))
        let norm = GradientClipping.globalNorm(gradient)
        GradientClipping.clip(gradient, norm: norm, limit: clipNorm)
        let rate = learningRate.rate(step: step)
        adam.update(
            adapter.parameters.buffer, gradient: gradient, step: step, learningRate: rate)
        return (rate, norm)
    }

    // MARK: Checkpoints

    private enum FileName {
        static let firstMoment = "first_moment.safetensors"
        static let secondMoment = "second_moment.safetensors"
    }

    /// Loads parameters and moments of the checkpoint that the folder was opened with.
    func restore() throws {
        guard let path = folder.checkpoint?.loaded.path else { return }
        let layout = adapter.parameters.layout
        try layout.read(
            safetensors: path + "/" + PEFTAdapter.weightsName, into: adapter.parameters.buffer)
        try layout.read(safetensors: path + "/" + FileName.firstMoment, into: adam.firstMoment)
        try layout.read(safetensors: path + "/" + FileName.secondMoment, into: adam.secondMoment)
    }

    /// Saves the state after `step`; a failure is reported and training goes on.
    ///
    /// - Returns: Whether the checkpoint is durable.
    func save(step: Int, exponents: [Int64]) -> Bool {
        var watch = Stopwatch()
        do {
            let saved = try write(step: step, exponents: exponents)
            parentManifest = saved.manifestSHA256
            reporter.report(
                .checkpoint(
                    .init(
                        step: step, path: saved.path, bytes: saved.bytes, seconds: watch.lap(),
                        manifestSHA256: saved.manifestSHA256)))
            _ = try folder.store.prune(keeping: keep)
            return true
        } catch {
            warn(step: step, "checkpoint not saved, training goes on: \(error)")
            return false
        }
    }

    private func write(step: Int, exponents: [Int64]) throws -> SavedCheckpoint {
        document.step = step
        document.exponents = exponents
        document.seconds = seconds
        // A durable checkpoint must not know more steps than the record of them.
        metrics.synchronize()
        let layout = adapter.parameters.layout
        // The adapter's two files make every checkpoint a PEFT folder too.
        return try folder.store.save(
            step: step, runID: runID, parent: parentManifest, document: try document.encoded(),
            files: [
                CheckpointFile(
                    name: PEFTAdapter.configurationName, bytes: adapter.configuration.json()),
                CheckpointFile(name: PEFTAdapter.weightsName, bytes: try adapter.weights()),
                CheckpointFile(
                    name: FileName.firstMoment, bytes: try layout.safetensors(adam.firstMoment)),
                CheckpointFile(
                    name: FileName.secondMoment, bytes: try layout.safetensors(adam.secondMoment)),
            ])
    }

    // MARK: Reports

    /// Seconds of training, over all jobs of the run.
    var seconds: Double { secondsBefore + watch.seconds }

    func report(
        step: Int, epoch: Int, _ outcome: GradientStep.Outcome,
        _ update: (learningRate: Double, norm: Double)?, updateSeconds: Double, stepSeconds: Double
    ) {
        let loss = outcome.loss
        if loss.isFinite { document.loss = loss.mean }
        reporter.report(
            .step(
                .init(
                    step: step, epoch: epoch, loss: loss.mean,
                    targetTokens: Int(loss.targetTokens), tokens: Int(loss.tokens),
                    tokensPerSecond: Double(loss.tokens) / stepSeconds,
                    learningRate: update?.learningRate ?? learningRate.rate(step: step),
                    gradientNorm: update?.norm ?? .nan, computeSeconds: outcome.computeSeconds,
                    reduceSeconds: outcome.reduceSeconds, updateSeconds: updateSeconds)))
    }

    func report(evaluationAt step: Int, _ loss: ExactLoss, samples: Int, seconds: Double) {
        document.evaluationLoss = loss.isFinite ? loss.mean : nil
        reporter.report(
            .evaluation(
                .init(
                    step: step, loss: loss.mean, targetTokens: Int(loss.targetTokens),
                    samples: samples, seconds: seconds)))
    }

    func warn(step: Int, _ message: String) {
        reporter.report(.warning(.init(step: step, message: message)))
    }

    /// Says why the run ends early and lets the sinks deliver it.
    func fail(exitCode: ExitCode, _ message: String) {
        reporter.report(
            .failed(
                .init(step: document.step, exitCode: Int(exitCode.rawValue), message: message)))
        reporter.finish(timeoutSeconds: 5)
    }

    /// Writes the adapter and the final record, and says so.
    func finish() throws {
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
                    adapterPath: folder.adapterPath, adapterSHA256: digest)))
    }
}
