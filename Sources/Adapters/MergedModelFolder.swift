import Files
import Foundation
import JSON
public import ModelFiles
public import Tensors
import Tokenization
public import Transformer

/// Writes a base model with an adapter merged into it as a new Hugging Face folder.
///
/// One tensor at a time is in memory. The folder is built under another name beside its place,
/// made durable and then renamed, so that what bears the name is whole; a killed process leaves a
/// hidden folder `.NAME.merging-…` behind.
public struct MergedModelFolder {
    /// transformers' own limit for a file of weights is of this order.
    public static let standardShardBytes = 5_000_000_000

    private let model: BaseModel
    private let adapter: LowRankParameters
    private let format: BlockFormat
    private let maximumShardBytes: Int

    /// What was written.
    public struct Summary: Sendable, Equatable {
        public let tensors: Int
        public let weightBytes: Int
        /// Names in the folder, sorted.
        public let files: [String]
        /// Names in the base folder that were not brought along, sorted; hidden ones are not named.
        public let leftOut: [String]
    }

    /// - Parameters:
    ///   - model: The base model.
    ///   - adapter: Must fit `model`.
    ///   - format: Float32, float16 or bfloat16. Only float32 keeps the sum's digits.
    ///   - maximumShardBytes: A file of weights is larger only if a single tensor is.
    public init(
        model: BaseModel, adapter: LowRankParameters, format: BlockFormat = .float32,
        maximumShardBytes: Int = standardShardBytes
    ) {
        precondition(format.scalar != nil, "blocks are not written")
        self.model = model
        self.adapter = adapter
        self.format = format
        self.maximumShardBytes = maximumShardBytes
    }

    /// Writes the folder.
    ///
    /// - Parameters:
    ///   - path: Must not exist, or be an empty folder; the folder above it must exist.
    ///   - progress: Called after each tensor with how many are written and how many there are.
    /// - Returns: What stands there now.
    /// - Throws: A ``Fault`` naming the file, tensor or path; then `path` is as before.
    public func write(
        to path: String, progress: ((_ done: Int, _ total: Int) -> Void)? = nil
    ) throws -> Summary {
        let staged = try StagedModelFolder(for: path)
        do {
            let bytes = try writeWeights(to: staged.path, progress)
            try writeConfiguration(to: staged.path)
            let leftOut = try writeCompanions(to: staged.path)
            let files = try FileManager.default.contentsOfDirectory(atPath: staged.path).sorted()
            try staged.publish()
            return Summary(
                tensors: model.requiredWeights.count, weightBytes: bytes, files: files,
                leftOut: leftOut)
        } catch {
            staged.discard()
            throw error
        }
    }

    // MARK: Weights

    private struct Shard {
        var weights: [(name: String, shape: [Int])] = []
        var bytes = 0
    }

    private func shards() -> [Shard] {
        var shards = [Shard()]
        for weight in model.requiredWeights {
            let bytes = weight.shape.reduce(format.bytes, *)
            let last = shards[shards.count - 1]
            if !last.weights.isEmpty, last.bytes + bytes > maximumShardBytes {
                shards.append(Shard())
            }
            shards[shards.count - 1].weights.append(weight)
            shards[shards.count - 1].bytes += bytes
        }
        return shards
    }

    /// - Returns: Bytes of all weights.
    private func writeWeights(
        to folder: String, _ progress: ((Int, Int) -> Void)?
    ) throws -> Int {
        let merge = try AdapterMerge(model: model, adapter: adapter)
        let shards = shards()
        var shardNames: [(key: String, value: JSONValue)] = []
        var done = 0
        for (index, shard) in shards.enumerated() {
            let name = Self.shardName(index, of: shards.count)
            var writer = try SafetensorsWriter(
                path: folder + "/" + name,
                tensors: shard.weights.map {
                    SafetensorsDeclaration(
                        name: $0.name, format: format, shape: $0.shape)
                }, metadata: ["format": "pt"])
            for (tensor, shape) in shard.weights {
                let bytes = try merge.withWeight(tensor, shape: shape) {
                    try narrowed($0, tensor)
                }
                try bytes.withUnsafeBytes { try writer.write(tensor, bytes: $0) }
                shardNames.append((tensor, .text(name)))
                done += 1
                progress?(done, model.requiredWeights.count)
            }
            try writer.finish()
        }
        let total = shards.reduce(0) { $0 + $1.bytes }
        if shards.count > 1 { try writeIndex(shardNames, total: total, to: folder) }
        return total
    }

    private func narrowed(
        _ elements: UnsafeBufferPointer<Float>, _ tensor: String
    ) throws(AdapterError) -> [UInt8] {
        guard let bytes = NarrowedElements.bytes(of: elements, as: format) else {
            throw AdapterError(
                "tensor \(tensor)", "holds numbers that \(format.name) cannot",
                hint: "Merge with --dtype float32 or bfloat16")
        }
        return bytes
    }

    private func writeIndex(
        _ shardNames: [(key: String, value: JSONValue)], total: Int, to folder: String
    ) throws {
        let index: JSONValue = [
            "metadata": ["total_size": .integer(total)],
            "weight_map": .object(JSONObject(shardNames.sorted { $0.key < $1.key })),
        ]
        try DurableFiles.create(folder + "/model.safetensors.index.json", with: index.encoded())
    }

    /// `model.safetensors`, or `model-00001-of-00003.safetensors`.
    private static func shardName(_ index: Int, of count: Int) -> String {
        guard count > 1 else { return "model.safetensors" }
        func padded(_ number: Int) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
        }
        return "model-\(padded(index + 1))-of-\(padded(count)).safetensors"
    }

    // MARK: What stands beside them

    private func writeConfiguration(to folder: String) throws {
        let configuration = try model.huggingFaceConfiguration(format: format)
        try DurableFiles.create(folder + "/config.json", with: configuration.encoded())
    }

    /// - Returns: Names in a base folder that were not brought along.
    private func writeCompanions(to folder: String) throws -> [String] {
        guard let metadata = model.ggufMetadata else {
            return try ModelCompanions(of: model.path).copy(to: folder)
        }
        let files = try HuggingFaceTokenizerFiles(
            ggufMetadata: metadata, path: model.path,
            maximumPositions: model.configuration.maximumPositions)
        try DurableFiles.create(folder + "/tokenizer.json", with: files.tokenizer.encoded())
        try DurableFiles.create(
            folder + "/tokenizer_config.json", with: files.configuration.encoded())
        return []
    }
}
