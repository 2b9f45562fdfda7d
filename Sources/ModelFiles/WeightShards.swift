import Foundation
import Tensors

/// The safetensors files of a model folder, and which of them holds which tensor.
struct WeightShards {
    /// The files in the order of their names.
    let shards: [SafetensorsFile]
    /// Position in `shards` of each tensor's file.
    let positions: [String: Int]
    /// What to name when a tensor is missing: the index, or the only file.
    let path: String

    /// Opens `model.safetensors`, or else the files that `model.safetensors.index.json` names.
    init(folder: String) throws(ModelFileError) {
        let single = "\(folder)/model.safetensors"
        let index = "\(folder)/model.safetensors.index.json"
        if access(single, F_OK) == 0 {
            let file = try SafetensorsFile(path: single)
            self.init(
                shards: [file],
                positions: Dictionary(uniqueKeysWithValues: file.names.map { ($0, 0) }),
                path: single)
        } else if access(index, F_OK) == 0 {
            try self.init(folder: folder, index: index)
        } else {
            throw ModelFileError(
                "has neither model.safetensors nor model.safetensors.index.json", file: folder,
                hint: "Pickled weights (.bin, .pth) are never read; convert them to safetensors")
        }
    }

    private init(shards: [SafetensorsFile], positions: [String: Int], path: String) {
        self.shards = shards
        self.positions = positions
        self.path = path
    }

    private init(folder: String, index: String) throws(ModelFileError) {
        let shardNames = try Self.shardNames(index)
        let names = Set(shardNames.values).sorted()
        var shards: [SafetensorsFile] = []
        for name in names { shards.append(try SafetensorsFile(path: "\(folder)/\(name)")) }
        let order = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
        let positions = shardNames.compactMapValues { order[$0] }
        for (tensor, position) in positions.sorted(by: { $0.key < $1.key })
        where shards[position].entry(tensor) == nil {
            throw ModelFileError(
                "is missing, though \(index) says that it lies there",
                file: shards[position].file.path, part: "tensor \(tensor.quoted)",
                hint: GGUFCursor.damaged)
        }
        self.init(shards: shards, positions: positions, path: index)
    }

    /// The file name that the index gives for each tensor.
    private static func shardNames(_ index: String) throws(ModelFileError) -> [String: String] {
        guard case .object(let content) = try JSONValue.read(path: index),
            case .object(let map)? = content["weight_map"], !map.keys.isEmpty
        else { throw ModelFileError("has no weight_map", file: index) }
        var shardNames: [String: String] = [:]
        for tensor in map.keys {
            guard case .text(let shard)? = map[tensor], isBaseName(shard) else {
                throw ModelFileError(
                    "is mapped to \(map[tensor]?.shown ?? "nothing"), which is no plain file name",
                    file: index, part: "tensor \(tensor.quoted)",
                    hint: "Shards must lie in the model's own folder")
            }
            shardNames[tensor] = shard
        }
        return shardNames
    }

    /// Whether `name` stays inside the folder that it is looked up in.
    private static func isBaseName(_ name: String) -> Bool {
        !name.isEmpty && name != "." && name != ".." && !name.contains("/")
            && !name.unicodeScalars.contains("\0")
    }

    /// The tensor `name`.
    func tensor(_ name: String) throws(ModelFileError) -> StoredTensor {
        guard let position = positions[name] else {
            throw ModelFileError("is missing", file: path, part: "tensor \(name.quoted)")
        }
        return try shards[position].tensor(name)
    }
}
