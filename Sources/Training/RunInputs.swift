import Adapters
import ChatTemplates
import Checkpoints
import Datasets
import Faults
import Foundation
import Kernels
import MetricsOutlets
import ModelFiles
import Optimization
import ProgressDelivery
import ProgressReports
import Slices
import Tokenization
import Transformer

/// The files of a run, read and checked: the same on every rank, or the run does not start.
struct RunInputs {
    let model: BaseModel
    let training: TrainingData
    private let evaluation: LoadedDataset?
    /// Samples for the evaluation loss; `nil` if the run has none.
    let heldOut: Samples?
    let maxLength: Int
    let layout: LowRankLayout
    let adapterConfiguration: AdapterConfiguration
    /// The parameters of `--init-adapter`.
    let startingPoint: LowRankParameters?
    /// What the files of the model and of `--init-adapter` say that is not used here.
    private let fileRemarks: [String]
    /// The day that the data's chat template was told; `nil` if none asked.
    let templateDate: TemplateDate?
    /// SHA-256 by name of the setting whose file it is, and of the samples.
    let fingerprints: [RunDocument.Entry]
    /// Whether runs that began before samples had a fingerprint may have learned something else.
    let readsDataAnew: Bool

    /// - Parameter found: The document of the run that is continued.
    /// - Throws: A ``Fault`` naming the file or flag.
    init(_ configuration: RunConfiguration, continuing found: RunDocument?) throws {
        model = try BaseModel.open(path: configuration.model)
        let recorded = found.flatMap { RunDocument.value("template-date", in: $0.settings) }
        let made = try configuration.samples.recipe(
            for: model, began: recorded.flatMap(TemplateDate.init))
        var recipe = made.recipe
        maxLength = recipe.maxLength
        let cache = SampleCache(folder: configuration.cache)
        // A file of its own is held out as a whole.
        evaluation = try configuration.evalData.map { [recipe] path in
            try TrainingData.load(
                path, recipe: recipe, cache: cache, threads: configuration.threads)
        }
        recipe.heldOut = configuration.heldOut
        training = try TrainingData(
            configuration.sources, recipe: recipe, cache: cache, threads: configuration.threads)
        heldOut =
            evaluation?.samples ?? (configuration.heldOut == nil ? nil : training.heldOut)
        let datasets = training.datasets + [evaluation].compactMap { $0 }
        try configuration.samples.refuseIdle(datasets)
        for dataset in datasets {
            try dataset.requireTokens(below: model.configuration.vocabularySize)
        }
        let isTold = recipe.asksForTheDate && datasets.contains(where: \.usesChatTemplate)
        templateDate = isTold ? recipe.date : nil
        let adapter = try Self.adapter(configuration, model)
        adapterConfiguration = adapter.configuration
        startingPoint = adapter.start?.parameters
        fileRemarks = model.remarks + model.trainingRemarks + (adapter.start?.remarks ?? [])
        layout =
            try startingPoint?.layout
            ?? LowRankLayout(
                adapterRank: adapterConfiguration.adapterRank, alpha: adapterConfiguration.alpha,
                projections: adapterConfiguration.targets.projections(
                    in: model.configuration, origin: "--targets"),
                model: model.configuration)
        var prints = [
            RunDocument.Entry(name: "model", value: try Fingerprints.sha256(model: model)),
            RunDocument.Entry(name: "data", value: training.fingerprint),
        ]
        if let evaluation {
            prints.append(RunDocument.Entry(name: "eval-data", value: evaluation.sourceSHA256))
        }
        prints += made.templates.map {
            RunDocument.Entry(name: $0.name, value: Fingerprints.sha256([UInt8]($0.text.utf8)))
        }
        let hashes = datasets.map { String($0.samplesHash, radix: 16) }.joined(separator: ",")
        readsDataAnew =
            datasets.contains(where: \.usesChatTemplate) || recipe.tokenizer.beginsWithBlank
        prints.append(
            RunDocument.Entry(
                name: RunDocument.samplesName, value: Fingerprints.sha256([UInt8](hashes.utf8))))
        if let folder = configuration.initAdapter {
            let weights = folder + "/" + PEFTAdapter.weightsName
            prints.append(
                RunDocument.Entry(
                    name: "init-adapter", value: try Fingerprints.sha256(file: weights)))
        }
        fingerprints = prints
    }

    /// `--max-length`, or its default for this model.
    static func maxLength(
        _ wanted: Int?, _ model: DecoderConfiguration
    ) throws(ConfigurationError) -> Int {
        guard let length = wanted else { return min(1024, model.maximumPositions) }
        guard length <= model.maximumPositions else {
            throw ConfigurationError(
                "--max-length", "is \(length); this model has \(model.maximumPositions) positions")
        }
        return length
    }

    private static func adapter(
        _ configuration: RunConfiguration, _ model: BaseModel
    ) throws -> (configuration: AdapterConfiguration, start: PEFTAdapter?) {
        guard let folder = configuration.initAdapter else {
            var settings = AdapterConfiguration(
                adapterRank: configuration.adapterRank ?? 8,
                alpha: configuration.alpha ?? 16,
                targets: configuration.targets.map { TargetModules(flag: $0) }
                    ?? .standard(model.configuration.family),
                baseModel: configuration.model)
            settings.baseIsTransposed = model.configuration.family.storesTransposed
            try settings.check(against: model.configuration, origin: "--rank, --alpha")
            return (settings, nil)
        }
        // A checkpoint is a PEFT folder too, with sums of its own.
        if CheckpointRecord.isCheckpoint(folder) {
            _ = try CheckpointStore.load(checkpointAt: folder)
        }
        let adapter = try PEFTAdapter(folder: folder, model: model.configuration)
        let found = adapter.configuration
        try refuse("rank", configuration.adapterRank, against: found.adapterRank, folder)
        try refuse("alpha", configuration.alpha, against: found.alpha, folder)
        if let flag = configuration.targets {
            let wanted = try TargetModules(flag: flag).projections(
                in: model.configuration, origin: "--targets")
            let there = Set(adapter.parameters.layout.pairs.map(\.modulePath))
            guard
                Set(wanted.map { model.configuration.family.path(of: $0.kind, layer: $0.layer) })
                    == there
            else {
                throw ConfigurationError(
                    "--targets",
                    "is \(flag); the adapter in \(folder) has "
                        + found.targets.description, hint: "Leave the flag out")
            }
        }
        var settings = found
        settings.baseModel = configuration.model
        return (settings, adapter)
    }

    private static func refuse<Value: Equatable>(
        _ name: String, _ flag: Value?, against found: Value, _ folder: String
    ) throws {
        guard let flag, flag != found else { return }
        throw ConfigurationError(
            "--\(name)", "is \(flag); the adapter in \(folder) has \(found)",
            hint: "Leave the flag out")
    }

    /// Token ids of all samples.
    var usedTokens: [Int32] {
        let all = training.datasets.map(\.usedTokens) + [evaluation?.usedTokens ?? []]
        return Set(all.joined()).sorted()
    }

    /// What a person should know about the data: what was cut, what was left out.
    var remarks: [String] {
        let dropout = adapterConfiguration.dropout
        let ignored =
            dropout > 0
            ? ["--init-adapter was trained with lora_dropout \(dropout); this run uses none"] : []
        return fileRemarks + ignored
            + dateRemark
            + training.datasets.flatMap { $0.remarks(flag: "--data", maxLength: maxLength) }
            + (evaluation?.remarks(flag: "--eval-data", maxLength: maxLength) ?? [])
    }

    private var dateRemark: [String] {
        guard let templateDate else { return [] }
        return [
            "the model's chat template writes the day; this run keeps \(templateDate) to its end, "
                + "and another one is the same only with --template-date \(templateDate)"
        ]
    }

    /// Number of steps of the run.
    ///
    /// Not more than an integer holds: so many steps end never anyway.
    func totalSteps(_ configuration: RunConfiguration) -> Int {
        switch configuration.duration {
        case .steps(let steps): return steps
        case .epochs(let epochs):
            let perEpoch = schedule(configuration).stepsPerEpoch
            let (steps, overflow) = epochs.multipliedReportingOverflow(by: perEpoch)
            return overflow ? .max : steps
        }
    }

    func schedule(_ configuration: RunConfiguration) -> BatchSchedule {
        BatchSchedule(
            sets: training.visitedSets, batchSize: configuration.batchSize,
            order: configuration.order, seed: configuration.seed)
    }

    /// Rank 0's optimizer, before a checkpoint is read into it.
    func makeOptimizer(
        _ configuration: RunConfiguration, _ parameters: LowRankParameters
    ) -> AdapterOptimizer {
        AdapterOptimizer(
            parameters, settings: configuration.adam,
            learningRate: LearningRateSchedule(
                shape: configuration.schedule, peak: configuration.learningRate,
                warmupSteps: configuration.warmupSteps, totalSteps: totalSteps(configuration)),
            clipNorm: configuration.clipNorm)
    }

    /// What any slice of the run needs of a lane.
    func bounds(_ configuration: RunConfiguration) -> SliceBounds {
        var bounds = SliceBounds()
        bounds.include(training.samples, sliceSize: configuration.sliceRule.sliceSize)
        if let heldOut {
            bounds.include(heldOut, sliceSize: configuration.sliceRule.sliceSize)
        }
        return bounds
    }

    /// The settings with every default filled in.
    func resolvedSettings(_ configuration: RunConfiguration) -> [RunDocument.Entry] {
        var values: [String: String] = [
            "model": configuration.model, "data": configuration.data, "out": configuration.out,
            "format": training.formatNames,
            "skip-bad-lines": "\(configuration.samples.skipBadLines)",
            "max-length": "\(maxLength)", "targets": adapterConfiguration.targets.description,
            "rank": "\(adapterConfiguration.adapterRank)",
            "alpha": "\(adapterConfiguration.alpha)", "lr": "\(configuration.learningRate)",
            "beta1": "\(configuration.adam.beta1)", "beta2": "\(configuration.adam.beta2)",
            "epsilon": "\(configuration.adam.epsilon)",
            "weight-decay": "\(configuration.adam.weightDecay)",
            "schedule": configuration.schedule.rawValue,
            "warmup-steps": "\(configuration.warmupSteps)",
            "clip-norm": "\(configuration.clipNorm)", "batch-size": "\(configuration.batchSize)",
            "slice-size": "\(configuration.sliceRule.sliceSize)",
            "share-prefixes": configuration.sliceRule.sharesPrefixes ? "on" : "off",
            "order": configuration.order.rawValue,
            "seed": "\(configuration.seed)", "kernels": configuration.kernels ?? "auto",
            "compute": configuration.compute.rawValue,
            "recompute": configuration.recomputes ? "on" : "off",
            "checkpoint-every": "\(configuration.checkpointEvery)",
            "checkpoint-copies": "\(configuration.checkpointCopies)",
            "keep": "\(configuration.keep)", "resume": configuration.resume.rawValue,
        ]
        switch configuration.duration {
        case .steps(let steps): values["steps"] = "\(steps)"
        case .epochs(let epochs): values["epochs"] = "\(epochs)"
        }
        values["eval-data"] = configuration.evalData
        values["held-out"] = configuration.heldOut?.text
        values["template"] = configuration.samples.template
        values["chat-template"] = configuration.samples.chatTemplate
        let variables = configuration.samples.templateVariables.text
        values["template-set"] = variables.isEmpty ? nil : variables
        values["template-date"] = templateDate?.description
        values["cache"] = configuration.cache
        if training.datasets.contains(where: \.usesChatTemplate) {
            values["loss-on"] = configuration.samples.targetTurns.rawValue
        }
        values["init-adapter"] = configuration.initAdapter
        values["threads"] = configuration.threads.map { "\($0)" }
        values["eval-every"] = configuration.evalEvery.map { "\($0)" }
        values["collective-timeout"] = configuration.collectiveTimeoutSeconds.map { "\($0)" }
        values["collector"] = configuration.collector.map { "\($0)" }
        let security = configuration.collectorSecurity
        values["collector-token-file"] = security.tokenFile
        values["collector-authority"] = security.authorityFile
        values["collector-certificate"] = security.certificateFile
        values["collector-key"] = security.keyFile
        let outlets = configuration.outlets
        values["tensorboard"] = outlets.tensorBoard ? "on" : "off"
        values["prometheus-file"] = outlets.prometheusFile
        values["syslog"] = outlets.syslog.map { "\($0)" }
        values["json-lines"] = outlets.jsonLines
        values["log-format"] = configuration.logFormat.rawValue
        return Setting.all.compactMap { setting in
            values[setting.name].map { RunDocument.Entry(name: setting.name, value: $0) }
        }
    }
}
