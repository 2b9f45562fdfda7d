public import ChatTemplates
public import Datasets
public import Kernels
public import Optimization
public import ProgressReports
public import Slices

/// Every setting of a run, declared once, in the order in which `run.yaml` lists them.
///
/// From this come the flags of all programs with their help and defaults, what `run.yaml` may hold,
/// the checks of values, what a checkpoint keeps, what ranks compare, and what may change on resume.
/// ``SettingValues`` gives the values, under the names that the properties have here.
public struct SettingTable: Sendable {
    // MARK: What to train on

    public let model = Setting(
        "model", .path, .data, .content, in: [.plan, .data],
        help: "Base model: a Hugging Face folder or a .gguf file", value: "path")
    public let data = Setting(
        "data", .dataFiles, .data, .content, in: .plan,
        help: "Training data: JSONL or a JSON array, gzip or zstd too; several files as "
            + "a.jsonl=2,b.jsonl, where a sample of weight 2 comes twice an epoch",
        value: "files")
    public let evalData = Setting(
        "eval-data", .path, .data, .content, in: .plan,
        help: "Held-out data in the same formats, for the evaluation loss", value: "file")
    /// Share of the records that is held out, in place of ``evalData``.
    public let heldOut = Setting(
        "held-out",
        .parsed(
            "a share above 0 and below 1, as 2% or 0.02", { HeldOutShare($0) }, { $0.text }
        ).formed { $0.isNumber = true },
        .data, .run, in: [.plan, .data], instead: "eval-data",
        help: "Hold out this share of --data for the evaluation loss, told by each record's "
            + "content, so that added rows move none (in place of --eval-data)",
        value: "share")
    public let out = Setting(
        "out", .path, .data, .rank, in: .doctor,
        help: "Folder of the run: adapter, checkpoints, metrics. On rank 0's host",
        value: "folder")
    /// `nil`: told from the first record.
    public let format = Setting(
        "format", SettingKind<DatasetFormat>.choice.orAuto, default: nil,
        shown: "told from the first record", .data, .run, in: .reading,
        help: "keys of the records", value: "name")
    /// Name or file of the instruction template; `nil`: the usual one of the format.
    public let template = Setting(
        "template", .path, otherwise: "what is usual for the format", .data, .content,
        in: .reading,
        help: "How prompts are written: alpaca, alpaca-no-newline, gpt4all, chatml, plain, chat "
            + "(the model's chat template), or a file",
        value: "name|file")
    /// File of the chat template; `nil`: that of the model.
    public let chatTemplate = Setting(
        "chat-template", .path, .data, .content, in: .reading,
        help: "For conversations: a Jinja file in the place of the model's chat template",
        value: "file")
    public let templateVariables = Setting(
        "template-set", .templateVariables, .data, .run, in: .reading,
        help: "A variable for the chat template, as enable_thinking=false; may be repeated. What "
            + "a conversation sets itself goes first",
        value: "name=value")
    /// The day that a chat template is told.
    public let templateDate = Setting(
        "template-date",
        .parsed("a day, as 2026-11-24", { TemplateDate($0) }, { $0.description }),
        otherwise: "the day on which the run began", .data, .run, in: .reading,
        help: "The day that a chat template is told when it asks for today's, as 2026-11-24",
        value: "date")
    /// Which of the assistant's turns of conversations are targets.
    public let targetTurns = Setting(
        "loss-on", .choice, default: TargetTurns.all, .data, .run, in: .reading,
        help: "turns of the assistant to learn in conversations")
    public let skipBadLines = Setting(
        "skip-bad-lines", .flag, default: false, shown: "stop at the first", .data, .run,
        in: .reading,
        help: "Leave bad lines of the data out, and count them; a file with more than nine bad "
            + "ones in ten is refused")
    public let maxLength = Setting(
        "max-length", .integer(atLeast: 2), otherwise: "1024, or the model's positions", .data,
        .run, in: .reading, help: "Tokens at which samples are cut", value: "tokens")
    /// Folder of tokenized samples.
    public let cache = Setting(
        "cache", .path, otherwise: "$XDG_CACHE_HOME/lora-cluster, or ~/.cache/lora-cluster",
        .data, .rank, in: .reading,
        help: "Folder of tokenized data, shared by the ranks of a host", value: "folder")

    // MARK: The adapter

    public let initAdapter = Setting(
        "init-adapter", .path, .adapter, .content,
        help: "Start from this PEFT folder; it decides rank, alpha and targets", value: "folder")
    public let targets = Setting(
        "targets", SettingKind.freeText.list, otherwise: "q,v; qkv where they are one", .adapter,
        .run,
        in: .plan,
        help: "Projections to adapt, separated by commas: q, k, v, o, gate, up, down, names of "
            + "modules, or all-linear",
        value: "names")
    public let adapterRank = Setting(
        "rank", .integer(atLeast: 1), default: 8, .adapter, .run, in: .plan,
        help: "Rank of A and B", value: "r")
    public let alpha = Setting(
        "alpha", .number(above: 0), default: 16, .adapter, .run,
        help: "The update counts alpha / rank", value: "number")

    // MARK: Optimization

    public let learningRate = Setting(
        "lr", .number(above: 0), default: 2e-4, .optimization, .run,
        help: "Peak learning rate of AdamW", value: "rate")
    public let beta1 = Setting(
        "beta1", .number(atLeast: 0, below: 1), default: 0.9, .optimization, .run,
        help: "AdamW's decay of the mean gradient", value: "number")
    public let beta2 = Setting(
        "beta2", .number(atLeast: 0, below: 1), default: 0.999, .optimization, .run,
        help: "AdamW's decay of the mean squared gradient", value: "number")
    public let epsilon = Setting(
        // Smaller ones vanish in float32, and 0/0 is no update.
        "epsilon", .number(atLeast: Double(Float.leastNormalMagnitude)), default: 1e-8,
        .optimization, .run, help: "AdamW's epsilon", value: "number")
    public let weightDecay = Setting(
        "weight-decay", .number(atLeast: 0), default: 0, .optimization, .run,
        help: "AdamW's decoupled weight decay", value: "number")
    public let schedule = Setting(
        "schedule", .choice, default: LearningRateSchedule.Shape.linear, .optimization, .run,
        help: "how the rate goes on after the warm-up", value: "name")
    public let warmupSteps = Setting(
        "warmup-steps", .integer(atLeast: 0, fraction: Self.noShares), default: 0, .optimization,
        .run, help: "Steps over which the rate rises from 0", value: "steps")
    public let clipNorm = Setting(
        "clip-norm", .number(atLeast: 0), default: 1, .optimization, .run,
        help: "Largest global gradient norm; 0 turns clipping off", value: "norm")
    public let batchSize = Setting(
        "batch-size", .integer(atLeast: 1), default: 16, .optimization, .run, in: .plan,
        help: "Samples in a step, over all ranks", value: "samples")
    public let sliceSize = Setting(
        "slice-size", .integer(atLeast: 1), default: 4, .optimization, .run, in: [.plan, .eval],
        help: "Samples computed as one unit; part of the result's bits", value: "samples")
    public let sharesPrefixes = Setting(
        "share-prefixes", .onOff, default: true, .optimization, .run, in: [.plan, .eval],
        help: "whether samples of a slice that begin alike compute those tokens once; part of "
            + "the result's bits")
    public let steps = Setting(
        "steps", .integer(atLeast: 1, fraction: Self.noShares), .optimization, .run, in: .plan,
        instead: "epochs", help: "Length of the run in steps", value: "steps")
    public let epochs = Setting(
        "epochs", .integer(atLeast: 1, fraction: "Give steps for a part of an epoch"), default: 1,
        .optimization, .run, in: .plan, help: "Length of the run in passes over the data",
        value: "epochs")
    public let order = Setting(
        "order", .choice, default: SampleOrder.shuffled, .optimization, .run, in: .plan,
        help: "order of the samples; shuffled is another one in each epoch", value: "name")
    public let seed = Setting(
        "seed", .seed, default: 0, .optimization, .run, in: .plan,
        help: "Decides initialisation and order", value: "number")

    // MARK: Running

    /// Lanes of this rank.
    public let threads = Setting(
        "threads", .integer(atLeast: 1), otherwise: "the host's cores divided by its ranks",
        .running, .rank, in: .reading, help: "Computing threads of each rank", value: "lanes")
    /// Name of a ``KernelLevel``, or `auto`.
    public let kernels = Setting(
        "kernels", .text, default: "auto", shown: "the best that all ranks have", .running, .run,
        in: [.plan, .eval],
        help: "auto, baseline, avx2 or avx512: all ranks use the same", value: "level")
    /// The type in which frozen weights are multiplied.
    public let compute = Setting(
        "compute", .choice, default: ComputeType.float32, .running, .run, in: [.plan, .eval],
        help: "type in which frozen weights are multiplied; those of 16 bits are faster, round "
            + "more and need a processor that has them",
        value: "type")
    /// Whether the backward pass computes each layer once more, to save memory.
    public let recomputes = Setting(
        "recompute", .onOff, default: false, .running, .rank, in: .plan,
        help: "whether to keep only each layer's input and compute the layer again in the "
            + "backward pass: less memory for long samples, the same bits")
    /// Steps between evaluations.
    public let evalEvery = Setting(
        "eval-every", .integer(atLeast: 1, fraction: Self.noShares),
        otherwise: "at the start and at the end", .running, .run,
        help: "Steps between evaluations", value: "steps")
    public let checkpointEvery = Setting(
        "checkpoint-every", .integer(atLeast: 1, fraction: Self.noShares), default: 50, .running,
        .job, help: "Steps between checkpoints", value: "steps")
    /// Hosts that hold each checkpoint, rank 0's included.
    public let checkpointCopies = Setting(
        "checkpoint-copies", .integer(atLeast: 1), default: 2, .running, .job,
        help: "Hosts that hold each checkpoint, so that --out need not be shared storage",
        value: "number")
    public let keep = Setting(
        "keep", .integer(atLeast: 1), default: 3, .running, .job, help: "Checkpoints to keep",
        value: "number")
    public let resume = Setting(
        "resume", .choice, default: ResumePolicy.auto, .running, .rank,
        help: "whether to continue a run that OUT holds; never and must insist",
        value: "policy")
    public let allowedChanges = Setting(
        "allow-change", .settingNames, default: [], .running, .rank,
        help: "Setting that a resumed run may change, e.g. steps; may be repeated", value: "name")

    // MARK: Reports

    public let collector = Setting(
        "collector", .address, .reports, .rank, in: .doctor,
        help: "lora-collector to send reports to; what it does not take waits in OUT/spool",
        value: "host:port")
    public let collectorTokenFile = Setting(
        "collector-token-file", .path, .reports, .rank,
        help: "Holds the token that the collector asks for, on one line", value: "file")
    public let collectorAuthority = Setting(
        "collector-authority", .path, .reports, .rank,
        help: "Turns TLS on: PEM certificates that sign the collector's; system for this "
            + "machine's",
        value: "file")
    public let collectorCertificate = Setting(
        "collector-certificate", .path, .reports, .rank,
        help: "PEM certificate by which the collector knows this run; needs --collector-key",
        value: "file")
    public let collectorKey = Setting(
        "collector-key", .path, .reports, .rank,
        help: "PEM private key of --collector-certificate", value: "file")
    public let tensorBoard = Setting(
        "tensorboard", .onOff, default: true, .reports, .rank,
        help: "whether OUT/tensorboard gets event files")
    public let prometheusFile = Setting(
        "prometheus-file", .path, .reports, .rank,
        help: "Keep the newest numbers in this file for node-exporter; its name ends in .prom",
        value: "file")
    public let syslog = Setting(
        "syslog", .address, .reports, .rank,
        help: "Send every record to this syslog server over TCP (RFC 5424)", value: "host:port")
    public let jsonLines = Setting(
        "json-lines", .path, .reports, .rank,
        help: "Append every record as a line of JSON to this file or FIFO, which needs its "
            + "reader first; - for standard output, whose reader must stay. OpenTelemetry's "
            + "receivers are named by OTEL_EXPORTER_OTLP_ENDPOINT",
        value: "file")
    public let logFormat = Setting(
        "log-format", .choice, default: LogFormat.text, .reports, .rank,
        help: "how records are printed on standard error, for people or for log collectors; in "
            + "json trouble with reports itself is of the kind trouble, and a last error: line "
            + "is text")

    // MARK: Ranks that do not answer

    /// Seconds after which ranks that do not answer are given up.
    public let collectiveTimeoutSeconds = Setting(
        "collective-timeout", .number(above: 0),
        otherwise: "ten times what was seen, at least 60", .running, .rank,
        help: "Give up ranks that do not answer for so long; not less than the slowest step takes",
        value: "seconds")

    private static let noShares = "A share of the run is not taken; give the number of steps"

    init() {}
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

// MARK: - Looking things up

extension SettingTable {
    static let shared = SettingTable()

    /// All settings, in the order in which `run.yaml` lists them.
    public static let all: [SettingDescription] = Mirror(reflecting: shared).children.compactMap {
        ($0.value as? any Declaration)?.about
    }

    /// Those of a section of `lora-worker --help`.
    public static func all(in group: SettingGroup) -> [SettingDescription] {
        all.filter { $0.group == group }
    }

    /// Those that a command of `lora` takes too.
    public static func all(of command: SettingCommands) -> [SettingDescription] {
        all.filter { !$0.commands.isDisjoint(with: command) }
    }

    private static let byName = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })

    /// `nil` if there is no setting of this name.
    public static func named(_ name: String) -> SettingDescription? { byName[name] }

    /// Name of the fingerprint of what was made of the data, which no setting has.
    public static let samplesName = "samples"

    /// Whether `--allow-change` may name it.
    static func hasFingerprint(named name: String) -> Bool {
        byName[name] != nil || name == samplesName
    }
}

/// A setting, whatever the type of its values.
private protocol Declaration {
    var about: SettingDescription { get }
}

extension Setting: Declaration {}
