import Adapters
import Collectives
import Datasets
import Foundation
import Kernels
import ModelFiles
public import RunSettings
import Slices
import Transformer

/// What `lora eval` computes: the loss of a model, with or without an adapter, on a data file.
///
/// The same slices, lanes and exact sums as in training, on one process: for equal model, adapter,
/// data, slice rule and kernels, the digits of a run's own `evaluation` records.
public struct EvaluationJob {
    private let model: BaseModel
    private let adapter: PEFTAdapter?
    private let dataset: LoadedDataset
    private let samples: Samples
    private let rule: SliceRule
    private let maxLength: Int
    private let threads: Int?
    private let backend: Backend
    /// What a person should know before the loss is computed.
    public let remarks: [String]

    /// Reads and checks everything that is needed.
    ///
    /// - Parameters:
    ///   - settings: With a model and the one file of data.
    ///   - adapterPath: A PEFT folder, a checkpoint or a finished run; `nil` for the base model alone.
    /// - Throws: A ``Fault`` naming the flag, or the file and line.
    public init(settings: SettingValues, adapter adapterPath: String?) throws {
        rule = settings.sliceRule
        threads = settings.threads
        let model = try BaseModel.open(path: try settings.required(\.model))
        self.model = model
        adapter = try adapterPath.map {
            try PEFTAdapter(
                folder: try PEFTAdapter.folder(at: $0), model: model.configuration)
        }
        remarks = model.remarks + (adapter?.remarks ?? [])
        let recipe = try settings.recipe(for: model).recipe
        maxLength = recipe.maxLength
        dataset = try TrainingData.load(
            try settings.required(\.data).text, recipe: recipe, cache: settings.sampleCache,
            threads: threads)
        try settings.refuseIdle([dataset])
        samples = recipe.heldOut == nil ? dataset.samples : dataset.heldOut
        guard samples.count > 0 else {
            throw ConfigurationError(
                "--held-out", "takes none of the \(dataset.samples.count) samples",
                hint: "Choose a larger share")
        }
        backend = try Backend(
            level: KernelLevel(flag: settings.kernels), compute: settings.compute)
    }

    /// The loss of one record.
    public struct SampleLoss: Sendable, Equatable {
        /// Position of the record among those of the file, from 0.
        public let index: Int
        /// Negative log-likelihood of all its targets together, nats.
        public let nll: Double
        public let targetTokens: Int
    }

    /// What was found.
    public struct Report: Sendable, Equatable {
        /// Mean negative log-likelihood a target token, nats.
        public let loss: Double
        public let samples: Int
        public let targetTokens: Int
        /// All tokens of the samples, prompts included.
        public let tokens: Int
        /// Records that were skipped because they cannot be used.
        public let badLines: Int
        /// Records left out because no target remains within the maximum length.
        public let withoutTarget: Int
        /// Samples that were cut at `maxLength` tokens.
        public let truncated: Int
        public let maxLength: Int
        public let sliceSize: Int
        public let sharesPrefixes: Bool
        /// What decides the last digits, beside the inputs.
        public let kernels: String
        public let seconds: Double
        /// In the file's order.
        public let perSample: [SampleLoss]

        /// `e` to the power of the loss.
        public var perplexity: Double { Elementary.exp(loss) }
    }

    /// Computes all losses.
    ///
    /// - Parameter progress: Called now and then with the slices that are done and all of them.
    /// - Returns: The mean and the losses of all samples.
    /// - Throws: ``ConfigurationError`` naming the record if a loss is not finite.
    public func run(progress: ((_ done: Int, _ total: Int) -> Void)? = nil) throws -> Report {
        let watch = Stopwatch()
        var bounds = SliceBounds()
        bounds.include(samples, sliceSize: rule.sliceSize)
        let cores = ProcessInfo.processInfo.activeProcessorCount
        let plan = LanePlan(
            wanted: [threads ?? cores], workerRank: 0,
            slicesInStep: rule.sliceCount(samples: samples.count), sliceSize: rule.sliceSize,
            batchSize: samples.count)
        let pool = try plan.makePool(
            model, adapter?.parameters.layout, bounds, backend, training: false)
        let evaluation = Evaluation(
            communicator: InProcessCommunicator.world(size: 1)[0], pool: pool, samples: samples,
            rule: rule, speeds: RankSpeeds(lanes: [plan.lanes], hostLeaders: [0], workerRank: 0))
        var perSample: [(sample: Int, loss: SampleLoss)] = []
        let loss = try evaluation.run(
            adapter?.parameters,
            perSample: { sample, nll, targets in
                let row = samples.row(sample)
                perSample.append(
                    (sample, SampleLoss(index: row, nll: nll, targetTokens: targets)))
            }, progress: progress)
        // Several samples may be of one record; those come in the order of its answers.
        let order = perSample.indices.sorted {
            (perSample[$0].loss.index, perSample[$0].sample)
                < (perSample[$1].loss.index, perSample[$1].sample)
        }
        let losses = order.map { perSample[$0].loss }
        try refuse(notFinite: losses)
        return Report(
            loss: loss.mean, samples: samples.count, targetTokens: Int(loss.targetTokens),
            tokens: Int(loss.tokens), badLines: dataset.summary.badLines,
            withoutTarget: dataset.summary.withoutTarget, truncated: dataset.summary.truncated,
            maxLength: maxLength, sliceSize: rule.sliceSize,
            sharesPrefixes: rule.sharesPrefixes, kernels: backend.identity.description,
            seconds: watch.seconds, perSample: losses)
    }

    private func refuse(notFinite losses: [SampleLoss]) throws(ConfigurationError) {
        guard let first = losses.first(where: { !$0.nll.isFinite }) else { return }
        throw ConfigurationError(
            adapter == nil ? "--model" : "--adapter",
            "gives a loss that is not finite on record \(first.index) of the data",
            hint: "The weights are damaged, or training had diverged: try an older checkpoint")
    }
}
