import Adapters
import ChatTemplates
import Checkpoints
import Datasets
import Faults
import Files
import Foundation
import Kernels
import ModelFiles
import Optimization
import RunSettings
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
        let made = try configuration.settings.recipe(
            for: model, began: recorded.flatMap(TemplateDate.init))
        let recipe = made.recipe
        maxLength = recipe.maxLength
        let cache = configuration.sampleCache
        evaluation = try configuration.evalData.map { path in
            try TrainingData.load(
                path, recipe: recipe, cache: cache, threads: configuration.threads)
        }
        training = try TrainingData(
            configuration.sources, recipe: recipe, cache: cache, threads: configuration.threads)
        heldOut =
            evaluation?.samples ?? (configuration.heldOut == nil ? nil : training.heldOut)
        let datasets = training.datasets + [evaluation].compactMap { $0 }
        try configuration.settings.refuseIdle(datasets)
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
            RunDocument.Entry(name: $0.name, value: SHA256.digest(of: $0.text.utf8).hexadecimal)
        }
        let hashes = datasets.map { String($0.samplesHash, radix: 16) }.joined(separator: ",")
        readsDataAnew =
            datasets.contains(where: \.usesChatTemplate) || recipe.tokenizer.beginsWithBlank
        prints.append(
            RunDocument.Entry(
                name: SettingTable.samplesName, value: SHA256.digest(of: hashes.utf8).hexadecimal))
        if let folder = configuration.initAdapter {
            let weights = folder + "/" + PEFTAdapter.weightsName
            prints.append(
                RunDocument.Entry(
                    name: "init-adapter", value: try SHA256.digest(ofFile: weights).hexadecimal))
        }
        fingerprints = prints
    }

    private static func adapter(
        _ configuration: RunConfiguration, _ model: BaseModel
    ) throws -> (configuration: AdapterConfiguration, start: PEFTAdapter?) {
        guard let folder = configuration.initAdapter else {
            var settings = AdapterConfiguration(
                adapterRank: configuration.adapterRank, alpha: configuration.alpha,
                targets: try configuration.targets.map {
                    try TargetModules(flag: $0, of: model.configuration.family)
                } ?? .standard(model.configuration.family),
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
        let given = configuration.settings
        try refuse("rank", given.given(\.adapterRank), against: found.adapterRank, folder)
        try refuse("alpha", given.given(\.alpha), against: found.alpha, folder)
        if let flag = configuration.targets {
            let wanted = try TargetModules(
                flag: flag, of: model.configuration.family
            ).projections(
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
        stepData(configuration).schedule
    }

    /// What steps are made of.
    ///
    /// - Parameter batchSize: Samples in a step; `nil`: as in the run.
    func stepData(_ configuration: RunConfiguration, batchSize: Int? = nil) -> StepData {
        StepData(
            samples: training.samples,
            schedule: BatchSchedule(
                sets: training.visitedSets, batchSize: batchSize ?? configuration.batchSize,
                order: configuration.order, seed: configuration.seed),
            rule: configuration.sliceRule)
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
        let areConversations = training.datasets.contains(where: \.usesChatTemplate)
        return configuration.settings.resolved([
            "format": training.formatNames,
            "template-date": templateDate?.description,
            "loss-on": areConversations ? configuration.targetTurns.rawValue : nil,
            "max-length": "\(maxLength)",
            "targets": adapterConfiguration.targets.description,
            "rank": "\(adapterConfiguration.adapterRank)",
            "alpha": "\(adapterConfiguration.alpha)",
        ]).map { RunDocument.Entry(name: $0.name, value: $0.value) }
    }
}
