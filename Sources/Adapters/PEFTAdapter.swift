import Foundation
import Kernels
public import ModelFiles
import Tensors
public import Transformer

/// A LoRA adapter as PEFT's folder of two files.
///
/// `adapter_model.safetensors` holds float32 `lora_A.weight [r, in]` and `lora_B.weight [out, r]` of
/// each module under `base_model.model.<module path>`.
public struct PEFTAdapter: Sendable {
    public static let weightsName = "adapter_model.safetensors"
    public static let configurationName = "adapter_config.json"

    public let configuration: AdapterConfiguration
    public let parameters: LowRankParameters

    public init(configuration: AdapterConfiguration, parameters: LowRankParameters) {
        self.configuration = configuration
        self.parameters = parameters
    }

    /// Reads the adapter in `folder` for a model of `model`'s shape.
    ///
    /// - Throws: ``AdapterError`` or ``ModelFileError`` naming the file and the tensor or key.
    public init(folder: String, model: DecoderConfiguration) throws {
        let configuration = try AdapterConfiguration(
            path: folder + "/" + Self.configurationName)
        let projections = try configuration.targets.projections(
            in: model, origin: folder + "/" + Self.configurationName)
        let layout = LowRankLayout(
            adapterRank: configuration.adapterRank, alpha: configuration.alpha,
            projections: projections, sizes: model.size(of:))
        let path = folder + "/" + Self.weightsName
        let file = try SafetensorsFile(path: path)
        let parameters = LowRankParameters(layout: layout)
        var expected: Set<String> = []
        for tensor in layout.namedTensors {
            expected.insert(tensor.name)
            try Self.read(tensor, from: file, into: parameters)
        }
        if let stranger = file.names.sorted().first(where: { !expected.contains($0) }) {
            throw AdapterError(
                path, "tensor \(stranger) belongs to no target module of this model",
                hint: "Is the adapter for another model, or target_modules incomplete?")
        }
        self.init(configuration: configuration, parameters: parameters)
    }

    private static func read(
        _ tensor: LowRankLayout.NamedTensor, from file: SafetensorsFile,
        into parameters: LowRankParameters
    ) throws {
        guard file.entry(tensor.name) != nil else {
            throw AdapterError(
                file.file.path, "tensor \(tensor.name) is missing",
                hint: "target_modules and the tensors must name the same modules")
        }
        let stored = try file.tensor(tensor.name)
        guard stored.shape == [tensor.rows, tensor.columns], let start = stored.bytes.baseAddress
        else {
            throw AdapterError(
                file.file.path,
                "tensor \(tensor.name) has shape \(stored.shape); "
                    + "this model needs [\(tensor.rows), \(tensor.columns)]",
                hint: "Is the adapter for another model?")
        }
        let target = parameters.buffer.pointer + tensor.range.lowerBound
        Backend.widen(start, stored.elementType, into: target, count: tensor.range.count)
        guard (0..<tensor.range.count).allSatisfy({ target[$0].isFinite }) else {
            throw AdapterError(file.file.path, "tensor \(tensor.name) holds NaN or infinity")
        }
    }

    /// The bytes of `adapter_model.safetensors`: a function of the parameters alone.
    public func weights() throws -> [UInt8] {
        try parameters.layout.safetensors([("", parameters.buffer)])
    }
}

extension LowRankLayout {
    /// One A or B with its name in PEFT's file.
    public struct NamedTensor: Sendable {
        public let name: String
        public let rows: Int
        public let columns: Int
        public let range: Range<Int>
    }

    /// All tensors in the layout's order, named as PEFT names them.
    public var namedTensors: [NamedTensor] {
        pairs.flatMap { pair in
            let prefix = "base_model.model.\(pair.modulePath)."
            return [
                NamedTensor(
                    name: prefix + "lora_A.weight", rows: adapterRank, columns: pair.inputs,
                    range: pair.a),
                NamedTensor(
                    name: prefix + "lora_B.weight", rows: pair.outputs, columns: adapterRank,
                    range: pair.b),
            ]
        }
    }
}
