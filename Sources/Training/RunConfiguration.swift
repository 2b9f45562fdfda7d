public import Datasets
public import Kernels
import MetricsOutlets
public import Optimization
import ProgressDelivery
public import ProgressReports
public import Slices

/// Everything that decides a run, read from `run.yaml` and the command line.
///
/// A setting has one name everywhere: as a flag (`--batch-size`), in `run.yaml` (`batch-size:`), in
/// a checkpoint and in messages. Values arrive as text and are checked here, so that a wrong one
/// is reported by the flag's name with exit code 78.
public struct RunConfiguration: Sendable, Equatable {
    public let model: String
    public let data: String
    /// The files that ``data`` names.
    public let sources: [DataSource]
    public let evalData: String?
    /// Share of the records that is held out, in place of ``evalData``.
    public let heldOut: HeldOutShare?
    /// Folder of tokenized samples; `nil`: that of ``SampleCache``.
    public let cache: String?
    public let out: String

    /// What becomes of the records.
    public let samples: SampleSettings

    public let initAdapter: String?
    public let targets: String?
    public let adapterRank: Int?
    public let alpha: Double?

    public let learningRate: Double
    public let adam: AdamW.Settings
    public let schedule: LearningRateSchedule.Shape
    public let warmupSteps: Int
    public let clipNorm: Double
    public let batchSize: Int
    public let sliceRule: SliceRule
    public let duration: Duration
    public let order: SampleOrder
    public let seed: UInt64

    /// Lanes of this rank; `nil`: the node's cores divided by its ranks.
    public let threads: Int?
    /// `nil`: the best level that all ranks have.
    public let kernels: String?
    /// The type in which frozen weights are multiplied.
    public let compute: ComputeType
    /// Whether the backward pass computes each layer once more, to save memory.
    public let recomputes: Bool
    /// Steps between evaluations; `nil`: at the start and at the end.
    public let evalEvery: Int?
    public let checkpointEvery: Int
    /// Nodes that hold each checkpoint, rank 0's included.
    public let checkpointCopies: Int
    public let keep: Int
    public let resume: ResumePolicy
    public let allowedChanges: Set<String>
    public let collector: CollectorAddress?
    let collectorSecurity: CollectorSecurity
    let outlets: OutletSettings
    let logFormat: LogFormat
    /// Seconds after which ranks that do not answer are given up; `nil`: as ``WaitLimits`` says.
    public let collectiveTimeoutSeconds: Double?

    static let defaultSliceSize = 4

    /// How long a run lasts.
    public enum Duration: Sendable, Equatable {
        case steps(Int)
        case epochs(Int)
    }

    /// What to do where `--out` holds checkpoints.
    public enum ResumePolicy: String, Sendable, CaseIterable {
        /// Go on from the newest one, or start where there is none.
        case auto
        /// Refuse to touch them.
        case never
        /// Refuse to start without one.
        case must
    }

    /// Reads and checks every setting; the first wrong one is thrown.
    public init(settings: [String: String]) throws(ConfigurationError) {
        let reader = try SettingReader(settings)
        model = try reader.required("model")
        data = try reader.required("data")
        sources = try DataSource.list(data)
        evalData = reader.text("eval-data")
        heldOut = try reader.heldOut()
        guard heldOut == nil || evalData == nil else {
            throw ConfigurationError(
                "--held-out", "and --eval-data are both given", hint: "Give one of them")
        }
        cache = reader.text("cache")
        out = try reader.required("out")

        samples = try SampleSettings(reader)

        initAdapter = reader.text("init-adapter")
        targets = reader.text("targets")
        adapterRank = try reader.integer("rank", atLeast: 1)
        alpha = try reader.number("alpha", above: 0)

        learningRate = try reader.number("lr", above: 0) ?? 2e-4
        adam = AdamW.Settings(
            beta1: try reader.number("beta1", atLeast: 0, below: 1) ?? 0.9,
            beta2: try reader.number("beta2", atLeast: 0, below: 1) ?? 0.999,
            // Smaller ones vanish in float32, and 0/0 is no update.
            epsilon: try reader.number(
                "epsilon", atLeast: Double(Float.leastNormalMagnitude)) ?? 1e-8,
            weightDecay: try reader.number("weight-decay", atLeast: 0) ?? 0)
        schedule =
            try reader.choice("schedule", among: LearningRateSchedule.Shape.allCases) {
                $0.rawValue
            } ?? .linear
        warmupSteps = try reader.integer("warmup-steps", atLeast: 0) ?? 0
        clipNorm = try reader.number("clip-norm", atLeast: 0) ?? 1
        batchSize = try reader.integer("batch-size", atLeast: 1) ?? 16
        sliceRule = SliceRule(
            sliceSize: try reader.integer("slice-size", atLeast: 1) ?? Self.defaultSliceSize,
            sharesPrefixes: try reader.isOn("share-prefixes", byDefault: true))
        duration = try reader.duration()
        order = try reader.choice("order", among: SampleOrder.allCases) { $0.rawValue } ?? .shuffled
        seed = UInt64(try reader.integer("seed", atLeast: 0) ?? 0)

        threads = try reader.integer("threads", atLeast: 1)
        kernels = reader.text("kernels").flatMap { $0 == "auto" ? nil : $0 }
        compute = try reader.compute()
        recomputes = try reader.isOn("recompute", byDefault: false)
        evalEvery = try reader.integer("eval-every", atLeast: 1)
        checkpointEvery = try reader.integer("checkpoint-every", atLeast: 1) ?? 50
        checkpointCopies = try reader.integer("checkpoint-copies", atLeast: 1) ?? 2
        keep = try reader.integer("keep", atLeast: 1) ?? 3
        resume = try reader.choice("resume", among: ResumePolicy.allCases) { $0.rawValue } ?? .auto
        allowedChanges = Set(try reader.settingNames("allow-change"))
        collector = try reader.address("collector")
        outlets = try reader.outlets()
        logFormat =
            try reader.choice("log-format", among: LogFormat.allCases) { $0.rawValue } ?? .text
        collectorSecurity = try reader.collectorSecurity(isUsed: collector != nil)
        collectiveTimeoutSeconds = try reader.number("collective-timeout", above: 0)
    }
}
