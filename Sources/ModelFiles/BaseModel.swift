public import Files
import Foundation
public import Tensors
import Words

/// A base model on disk: its configuration and its frozen weights, mapped and not copied.
///
/// Whatever the files are, tensors go by transformers' names. A model that opens is complete: every
/// weight of its configuration is there, in its shape and in an encoding that we compute with.
public final class BaseModel: Sendable {
    /// Path as it was given.
    public let path: String
    public let configuration: DecoderConfiguration
    /// Key-value section of a GGUF file; `nil` for a folder.
    public let ggufMetadata: [String: GGUFValue]?
    /// Every file that decides what the model computes: `config.json` and the weights in the order
    /// of their names, or the one GGUF file.
    public let files: [MappedFile]
    /// Names of all tensors, sorted.
    public let tensorNames: [String]
    /// What a person should know before anything is computed: tensors and settings that are not
    /// used, or used otherwise than `config.json` says.
    public let remarks: [String]
    /// What a person should know before the model is trained.
    public let trainingRemarks: [String]

    private enum Weights: Sendable {
        case shards(WeightShards)
        /// The files, and their own name for each of transformers'.
        case gguf(GGUFParts, names: [String: String])
    }

    private let weights: Weights
    private let unread: UnreadTensors

    /// Opens a Hugging Face folder (`config.json`, safetensors) or one GGUF file.
    ///
    /// - Throws: ``ModelFileError`` if a file cannot be read, is damaged, or if the model is not
    ///   supported or not complete.
    public static func open(path: String) throws(ModelFileError) -> BaseModel {
        var status = stat()
        guard stat(path, &status) == 0 else {
            throw ModelFileError(
                "cannot be read (\(String(cString: strerror(errno))))", file: path,
                hint: "Give a folder with config.json, or a .gguf file; it must exist on every node"
            )
        }
        let model =
            status.st_mode & S_IFMT == S_IFDIR
            ? try BaseModel(folder: path) : try BaseModel(gguf: path)
        try model.checkWeights()
        try model.refuseUnreadParts()
        return model
    }

    private init(folder: String) throws(ModelFileError) {
        guard access("\(folder)/config.json", F_OK) == 0 else {
            throw ModelFileError(
                "has no config.json", file: folder,
                hint: "Give a Hugging Face model folder, or the path of a .gguf file")
        }
        let config = try MappedFile.model("\(folder)/config.json")
        let generation = "\(folder)/generation_config.json"
        var unused = UnusedConfiguration()
        var configuration = try DecoderConfiguration(
            config: config,
            generationConfig: access(generation, F_OK) == 0
                ? try MappedFile.model(generation) : nil, unused: &unused)
        let shards = try WeightShards(folder: folder)
        var remarks = unused.remarks(path: config.path)
        if configuration.tiedEmbeddings, try shards.hasOwnHead(configuration) {
            configuration.tiedEmbeddings = false
            remarks.append(
                "\(config.path) says tie_word_embeddings, but the files have another "
                    + "\(configuration.family.head).weight, which is used")
        }
        // A head that is the embedding once more is no stranger.
        let known =
            configuration.requiredNames(layers: shards.positions.count)
            + [configuration.family.head + ".weight"]
        let unread = UnreadTensors(
            shards.positions.keys, required: known.map(shards.name(of:)))
        remarks += unread.remark(path: shards.path, configuration).map { [$0] } ?? []
        self.configuration = configuration
        self.remarks = remarks
        trainingRemarks = unused.trainingRemarks(path: config.path)
        path = folder
        ggufMetadata = nil
        files = [config] + shards.shards.map(\.file)
        tensorNames = shards.positions.keys.sorted()
        self.unread = unread
        weights = .shards(shards)
    }

    private init(gguf path: String) throws(ModelFileError) {
        let file = try GGUFParts(path: path)
        if case .text(let type)? = file.metadata["general.type"], type != "model" {
            throw ModelFileError(
                "holds no model: general.type is \(type.quoted)", file: path,
                hint: type == "adapter"
                    ? "Give the base model; adapters are read as PEFT folders" : nil)
        }
        configuration = try DecoderConfiguration(file)
        var names: [String: String] = [:]
        for entry in file.entries where entry.name != "rope_freqs.weight" {
            // A tensor that is left out would change the answers without a word.
            guard let name = GGUFNames.transformersName(of: entry.name, configuration) else {
                throw ModelFileError(
                    "is not part of any \(configuration.modelType) model that is supported",
                    file: path,
                    part: "tensor \(entry.name.quoted)")
            }
            names[name] = entry.name
        }
        self.path = path
        remarks = []
        trainingRemarks = []
        ggufMetadata = file.metadata
        files = file.parts.map(\.file)
        tensorNames = names.keys.sorted()
        unread = UnreadTensors(
            names.keys, required: configuration.requiredNames(layers: names.count))
        weights = .gguf(file, names: names)
    }

    /// Whether the files have a tensor `name`.
    public func hasTensor(_ name: String) -> Bool {
        switch weights {
        case .shards(let shards): shards.positions[shards.name(of: name)] != nil
        case .gguf(_, let names): names[name] != nil
        }
    }

    /// The tensor that transformers calls `name`, e.g. `model.layers.0.self_attn.q_proj.weight`.
    ///
    /// - Throws: ``ModelFileError`` if there is none, or if it is encoded in an unsupported way.
    public func tensor(_ name: String) throws(ModelFileError) -> StoredTensor {
        switch weights {
        case .shards(let shards):
            let stored = try shards.tensor(shards.name(of: name))
            return StoredTensor(
                name: name, format: stored.format, shape: stored.shape,
                bytes: stored.bytes, file: stored.file)
        case .gguf(let file, let names):
            guard let fileName = names[name] else {
                throw ModelFileError("is missing", file: path, part: "tensor \(name.quoted)")
            }
            let stored = try file.tensor(fileName)
            return StoredTensor(
                name: name, format: stored.format, shape: stored.shape,
                bytes: stored.bytes, file: stored.file,
                rowOrder: GGUFNames.rowOrder(of: fileName, configuration))
        }
    }

    /// The weight `name`, which must be a `[rows, columns]` matrix.
    ///
    /// - Throws: ``ModelFileError`` as ``tensor(_:)``, and if the shape is another.
    public func matrix(
        _ name: String, rows: Int, columns: Int
    ) throws(ModelFileError) -> FrozenWeight {
        let stored = try tensor(name)
        try check(stored, shape: [rows, columns])
        guard let bytes = stored.bytes.baseAddress else {
            throw ModelFileError("is empty", file: stored.file.path, part: "tensor \(name.quoted)")
        }
        return FrozenWeight(
            format: stored.format, rows: rows, columns: columns, bytes: bytes,
            owner: stored.file, rowOrder: stored.rowOrder)
    }

    /// The weight `name`, which must be a vector of `count` floats, widened to float32.
    ///
    /// - Throws: ``ModelFileError`` as ``tensor(_:)``, and if it is another shape or in blocks.
    public func vector(_ name: String, count: Int) throws(ModelFileError) -> [Float] {
        let stored = try tensor(name)
        try check(stored, shape: [count])
        let floats = try stored.floats()
        guard stored.rowOrder != .asModel else { return floats }
        return floats.indices.map { floats[stored.rowOrder.storedRow($0)] }
    }

    private func check(_ stored: StoredTensor, shape: [Int]) throws(ModelFileError) {
        guard stored.shape == shape else {
            throw ModelFileError(
                "has shape \(stored.shape), but the configuration needs \(shape)",
                file: stored.file.path, part: "tensor \(stored.name.quoted)",
                hint: "The weights do not belong to this configuration")
        }
    }

    private func checkWeights() throws(ModelFileError) {
        try configuration.forEachRequired { name, shape, isProjection throws(ModelFileError) in
            let stored = try tensor(name)
            let transposes = isProjection && storesTransposed
            try check(stored, shape: transposes ? shape.reversed() : shape)
            if shape.count == 1 && stored.format.elements != 1 {
                _ = try stored.floats()
            }
        }
    }

    /// Refuses tensors that are read by nobody where leaving them out would give another model: any
    /// of a GGUF file, and parts of an adapter.
    private func refuseUnreadParts() throws(ModelFileError) {
        let isFolder = ggufMetadata == nil
        guard let name = isFolder ? unread.adapterPart : unread.names.first else { return }
        throw ModelFileError(
            isFolder
                ? "is a part of an adapter, inside a base model"
                : "is not used: the metadata tell \(configuration.layerCount) layers without it",
            file: isFolder ? path : files[0].path, part: "tensor \(name.quoted)",
            hint: isFolder
                ? "Merge the adapter into the model, or give it with --adapter"
                : "The file does not belong to its metadata; convert the model again")
    }
}
