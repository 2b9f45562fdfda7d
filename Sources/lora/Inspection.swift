import Adapters
import Faults
import Files
import Foundation
import ModelFiles
import Tensors
import Training
import Words

/// What there is to say about a model, an adapter or a file, line by line.
struct Inspection {
    /// A label, and text that may run over several lines.
    private(set) var lines: [(label: String, text: String)] = []

    /// Finds out what `path` is and looks into it.
    ///
    /// - Throws: The fault of whichever reader the path falls to.
    init(path: String) throws {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw InspectionError(path: path, problem: "does not exist", hint: "Check the path")
        }
        if isFolder.boolValue {
            try describeFolder(path)
        } else if path.hasSuffix(".safetensors") {
            describe(try SafetensorsFile(path: path))
        } else {
            try describeGGUF(path)
        }
    }

    private mutating func describeFolder(_ path: String) throws {
        let has = { (name: String) in FileManager.default.fileExists(atPath: "\(path)/\(name)") }
        // Checkpoints are PEFT folders too, and say more.
        if CheckpointRecord.isCheckpoint(path) {
            try describeCheckpoint(path)
        } else if has(PEFTAdapter.configurationName) {
            try describeAdapter(path)
        } else if has("config.json") {
            try describe(BaseModel.open(path: path))
        } else if RunRecords.isRun(path) {
            try describeRun(path)
        } else {
            throw InspectionError(
                path: path, problem: "is no model, adapter, checkpoint or run",
                hint:
                    "A model folder has config.json, an adapter \(PEFTAdapter.configurationName), "
                    + "a run has checkpoints")
        }
    }

    mutating func add(_ label: String, _ text: String) { lines.append((label, text)) }
}

// MARK: - Models

extension Inspection {
    private mutating func describe(_ model: BaseModel) throws {
        let shape = model.configuration
        add("base model", model.path)
        add("family", shape.modelType)
        var tally = Tally()
        for name in model.tensorNames {
            // A tensor beside the model's own may be encoded in ways that we do not read.
            guard let tensor = try? model.tensor(name) else { continue }
            tally.add(tensor.format.name, shape: tensor.shape)
        }
        add("parameters", tally.total)
        add("layers", "\(shape.layerCount)")
        add("width", "\(shape.width), feed-forward \(shape.feedForwardWidth)")
        add(
            "heads",
            "\(shape.headCount) of \(shape.headDimension), key-value heads "
                + "\(shape.keyValueHeadCount)")
        add(
            "vocabulary",
            "\(shape.vocabularySize), \(shape.tiedEmbeddings ? "tied" : "untied") embeddings")
        add("positions", "\(shape.maximumPositions)")
        add("rotary", "theta \(shape.rotary.theta), scaling \(shape.rotary.scaling.shown)")
        add("norm epsilon", "\(shape.normEpsilon)")
        add("bos token", shape.bosToken.map(String.init) ?? "none")
        add("eos tokens", shape.eosTokens.map(String.init).joined(separator: ", "))
        add("types", tally.byType)
        add("files", model.files.map(Self.fileLine).joined(separator: "\n"))
        for remark in model.remarks + model.trainingRemarks { add("note", remark.printable) }
    }

    private mutating func describeGGUF(_ path: String) throws {
        let file = try GGUFFile(path: path)
        guard case .text("adapter")? = file.metadata["general.type"] else {
            try describe(BaseModel.open(path: path))
            return
        }
        add("GGUF adapter", Self.fileLine(file.file))
        let rows = file.entries.map { "\($0.name.printable) \($0.typeName) \($0.shape)" }
        add("tensors", rows.joined(separator: "\n"))
    }

    private mutating func describe(_ file: SafetensorsFile) {
        add("safetensors file", Self.fileLine(file.file))
        for key in file.metadata.keys.sorted() {
            add("metadata", "\(key.printable): \((file.metadata[key] ?? "").printable)")
        }
        var tally = Tally()
        for entry in file.entries { tally.add(entry.typeName, shape: entry.shape) }
        add("parameters", tally.total)
        add("types", tally.byType)
        let rows = file.entries.map { "\($0.name.printable) \($0.typeName) \($0.shape)" }
        add("tensors", rows.joined(separator: "\n"))
    }

    private static func fileLine(_ file: MappedFile) -> String {
        "\(file.path) (\(file.bytes.count.grouped) bytes)"
    }
}

// MARK: - Adapters

extension Inspection {
    private mutating func describeAdapter(_ path: String) throws {
        let configuration = try AdapterConfiguration(
            path: "\(path)/\(PEFTAdapter.configurationName)")
        try PEFTAdapter.requireWeights(path)
        let weights = try SafetensorsFile(path: "\(path)/\(PEFTAdapter.weightsName)")
        var tally = Tally()
        for entry in weights.entries { tally.add(entry.typeName, shape: entry.shape) }
        add("PEFT adapter", path)
        add("rank", "\(configuration.adapterRank)")
        add(
            "alpha",
            "\(configuration.alpha), scale "
                + "\(configuration.alpha / Double(configuration.adapterRank))")
        add("targets", configuration.targets.description.printable)
        add("base", (configuration.baseModel ?? "not said").printable)
        add("parameters", tally.total)
        add("types", tally.byType)
        add("modules", Self.modules(weights.names))
        add("file", Self.fileLine(weights.file))
    }

    /// How many modules of each name carry a pair, by the last part of their path.
    private static func modules(_ names: [String]) -> String {
        var counts: [String: Int] = [:]
        for name in names where name.hasSuffix(".lora_A.weight") {
            let module = name.dropLast(".lora_A.weight".count)
            counts[String(module.split(separator: ".").last ?? module), default: 0] += 1
        }
        return counts.sorted { $0.key < $1.key }
            .map { "\($0.key.printable) × \($0.value)" }.joined(separator: ", ")
    }
}

/// Elements counted by encoding.
private struct Tally {
    private var counts: [String: Int] = [:]

    mutating func add(_ type: String, shape: [Int]) {
        counts[type, default: 0] += shape.reduce(1, *)
    }

    var total: String { counts.values.reduce(0, +).grouped }

    var byType: String {
        counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
            .map { "\($0.key) \($0.value.grouped)" }.joined(separator: ", ")
    }
}

extension RotaryConfiguration.Scaling {
    fileprivate var shown: String {
        switch self {
        case .none: "none"
        case .linear(let factor): "linear by \(factor)"
        case .llama3(let factor, let low, let high, let positions):
            "llama3 by \(factor) (frequency factors \(low) to \(high), trained on \(positions))"
        case .divisors(let divisors): "by the file's own \(divisors.count) divisors"
        }
    }
}

/// A path that is nothing that can be inspected.
private struct InspectionError: Fault {
    let path: String
    let problem: String
    let hint: String?

    var location: String? { path }

    init(path: String, problem: String, hint: String) {
        self.path = path
        self.problem = problem
        self.hint = hint
    }
}
