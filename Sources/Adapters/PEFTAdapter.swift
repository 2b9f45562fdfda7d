import Files
import Foundation
import Kernels
public import ModelFiles
public import Tensors
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
    /// What a person should know: what the folder says that is not used here.
    public let remarks: [String]

    public init(
        configuration: AdapterConfiguration, parameters: LowRankParameters, remarks: [String] = []
    ) {
        self.configuration = configuration
        self.parameters = parameters
        self.remarks = remarks
    }

    /// Reads the adapter in `folder` for a model of `model`'s shape.
    ///
    /// - Throws: ``AdapterError`` or ``ModelFileError`` naming the file and the tensor or key; also if
    ///   ``AdapterChecksums`` stand beside the files and do not fit them.
    public init(folder: String, model: DecoderConfiguration) throws {
        let path = folder + "/" + Self.configurationName
        guard Self.holds(Self.configurationName, folder) else { throw ForeignAdapter.error(folder) }
        try AdapterChecksums.check(folder: folder)
        let configuration = try AdapterConfiguration(path: path)
        try Self.requireWeights(folder)
        try configuration.check(against: model, origin: path)
        let found = try configuration.modules.find(in: model, origin: path)
        let layout = LowRankLayout(
            adapterRank: configuration.adapterRank, alpha: configuration.alpha,
            projections: found.projections, model: model)
        let parameters = LowRankParameters(layout: layout)
        try layout.parameterSet.read(
            safetensors: folder + "/" + Self.weightsName, into: parameters.buffer)
        let unmatched = found.unmatched.joined(separator: ", ")
        self.init(
            configuration: configuration, parameters: parameters,
            remarks: unmatched.isEmpty
                ? [] : ["\(path): target_modules \(unmatched) match nothing in this model"])
    }

    /// - Throws: ``AdapterError`` saying what makes ``weightsName`` of what lies in `folder` in its
    ///   place.
    public static func requireWeights(_ folder: String) throws(AdapterError) {
        guard holds(weightsName, folder) else { throw ForeignAdapter.error(folder) }
    }

    private static func holds(_ name: String, _ folder: String) -> Bool {
        FileManager.default.fileExists(atPath: folder + "/" + name)
    }

    /// The PEFT folder that `path` means: itself (checkpoints are PEFT folders too), or the
    /// `adapter` of a run.
    ///
    /// - Throws: ``AdapterError`` if there is none.
    public static func folder(at path: String) throws(AdapterError) -> String {
        if holds(configurationName, path) { return path }
        if holds("adapter/" + configurationName, path) { return path + "/adapter" }
        throw ForeignAdapter.error(path)
    }

    /// The bytes of `adapter_model.safetensors`: a function of the parameters alone.
    public func weights() throws -> [UInt8] {
        try parameters.layout.parameterSet.safetensors(parameters.buffer)
    }
}

extension ParameterSet {
    /// `buffer`, an array of these tensors, as a safetensors file with PEFT's names.
    public func safetensors(_ buffer: FloatBuffer) throws(ModelFileError) -> [UInt8] {
        let tensors = self.tensors.map { tensor in
            let elements = UnsafeBufferPointer(rebasing: buffer.elements[tensor.range])
            return (
                declaration: SafetensorsDeclaration(
                    name: tensor.name, shape: [tensor.rows, tensor.columns]),
                bytes: [UInt8](UnsafeRawBufferPointer(elements))
            )
        }
        // PEFT and transformers refuse files that do not say which framework's layout they follow.
        return try SafetensorsWriter.bytes(tensors: tensors, metadata: ["format": "pt"])
    }

    /// Reads a safetensors file with PEFT's names into `buffer`, an array of these tensors.
    ///
    /// - Throws: ``ModelFileError`` if the file is broken, ``AdapterError`` naming the tensor that
    ///   is missing, superfluous, of the wrong shape, or holds NaN.
    public func read(safetensors path: String, into buffer: FloatBuffer) throws {
        let file = try SafetensorsFile(path: path)
        for tensor in tensors { try read(tensor, from: file, into: buffer) }
        let expected = Set(tensors.map(\.name))
        if let stranger = file.names.sorted().first(where: { !expected.contains($0) }) {
            throw AdapterError(
                path, "tensor \(stranger) belongs to no target module of this model",
                hint: "Is the adapter for another model, or target_modules incomplete?")
        }
    }

    private func read(
        _ tensor: Tensor, from file: SafetensorsFile, into buffer: FloatBuffer
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
        let target = UnsafeMutableBufferPointer(rebasing: buffer.elements[tensor.range])
        Backend.widen(start, stored.format, into: target)
        guard target.allSatisfy(\.isFinite) else {
            throw AdapterError(file.file.path, "tensor \(tensor.name) holds NaN or infinity")
        }
    }
}
