import Files
import Foundation
import JSON
import Tensors
import Words

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
            throw Self.noWeights(folder)
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
        let told = shardNames.compactMapValues { order[$0] }
        for (tensor, position) in told.sorted(by: { $0.key < $1.key })
        where shards[position].entry(tensor) == nil {
            throw ModelFileError(
                "is missing, though \(index) says that it lies there",
                file: shards[position].file.path, part: "tensor \(tensor.quoted)",
                hint: GGUFCursor.damaged)
        }
        self.init(shards: shards, positions: try Self.positions(shards, told), path: index)
    }

    /// Where each tensor lies, also those that the index forgets: transformers reads them too.
    ///
    /// - Throws: ``ModelFileError`` if one lies in two files with two contents.
    private static func positions(
        _ shards: [SafetensorsFile], _ told: [String: Int]
    ) throws(ModelFileError) -> [String: Int] {
        var positions = told
        for (index, shard) in shards.enumerated() {
            for entry in shard.entries {
                let first = positions[entry.name] ?? index
                positions[entry.name] = first
                guard first != index, let other = shards[first].entry(entry.name) else { continue }
                guard shard.isSame(entry, as: other, of: shards[first]) else {
                    throw ModelFileError(
                        "has another content than in \(shards[first].file.path)",
                        file: shard.file.path, part: "tensor \(entry.name.quoted)",
                        hint: "Files of two models lie in one folder; fetch the model again")
                }
            }
        }
        return positions
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

    /// The files' name for what transformers calls `name`.
    ///
    /// A folder that was saved without its output layer has names without their first part:
    /// `h.0.ln_1.weight` for `transformer.h.0.ln_1.weight`, as GPT-2 is published.
    func name(of name: String) -> String {
        guard positions[name] == nil, let dot = name.firstIndex(of: ".") else { return name }
        let bare = String(name[name.index(after: dot)...])
        return positions[bare] == nil ? name : bare
    }

    /// Whether there is an output projection that is not the token embedding.
    ///
    /// A model that is tied has one of its own where the head was trained alone; transformers uses
    /// it since version 5.8.
    func hasOwnHead(_ model: DecoderConfiguration) throws(ModelFileError) -> Bool {
        let head = name(of: model.family.head + ".weight")
        let embedding = name(of: model.family.embedding + ".weight")
        guard let position = positions[head], let other = positions[embedding],
            let first = shards[position].entry(head), let second = shards[other].entry(embedding)
        else { return false }
        return !shards[position].isSame(first, as: second, of: shards[other])
    }

    /// What to say of a folder without safetensors: what there is instead, and what makes of it
    /// what is needed.
    private static func noWeights(_ folder: String) -> ModelFileError {
        let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
        func ending(_ suffixes: String...) -> String? {
            names.first { name in suffixes.contains { name.hasSuffix($0) } }
        }
        let problem = "has neither model.safetensors nor model.safetensors.index.json"
        if let pickled = ending(".bin", ".pth", ".pt", ".ckpt", ".h5", ".msgpack") {
            return ModelFileError(
                "\(problem), only \(pickled.onePlainLine)", file: folder,
                hint: "Pickled weights are never read. Convert them: python3 -c \"from "
                    + "transformers import AutoModelForCausalLM as M; "
                    + "M.from_pretrained('\(folder.onePlainLine)').save_pretrained('OUT')\", "
                    + "and copy the tokenizer's files to OUT")
        }
        if let gguf = ending(".gguf") {
            return ModelFileError(
                "\(problem), but \(gguf.onePlainLine)", file: folder,
                hint: "Give the path of that file")
        }
        if let other = ending(".safetensors") {
            return ModelFileError(
                "\(problem), but \(other.onePlainLine)", file: folder,
                hint: "Give the folder as transformers saves it; a part of a model without its "
                    + "index is not read")
        }
        return ModelFileError(
            problem, file: folder,
            hint: "Pickled weights (.bin, .pth) are never read; convert them to safetensors")
    }
}

extension SafetensorsFile {
    /// Whether two tensors have the same type, shape and bytes.
    fileprivate func isSame(_ entry: Entry, as other: Entry, of file: SafetensorsFile) -> Bool {
        guard entry.typeName == other.typeName, entry.shape == other.shape else { return false }
        let left = UnsafeRawBufferPointer(rebasing: self.file.bytes[entry.byteRange])
        let right = UnsafeRawBufferPointer(rebasing: file.file.bytes[other.byteRange])
        guard let first = left.baseAddress, let second = right.baseAddress else { return true }
        return withExtendedLifetime((self.file, file.file)) {
            first == second || memcmp(first, second, left.count) == 0
        }
    }
}
