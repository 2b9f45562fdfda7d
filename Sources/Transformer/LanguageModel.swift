public import Kernels
public import ModelFiles
import Tensors

/// A frozen decoder-only language model: its weights as they lie in the files, ready to compute.
///
/// Shared by all lanes of a process; the weights' pages are shared by all processes of a node.
public final class LanguageModel<Operations: TensorOperations>: Sendable {
    typealias Memory = Operations.Memory

    public let configuration: DecoderConfiguration
    public let operations: Operations
    /// The longest sequence that can be computed.
    public let positions: Int
    let layers: DecoderStage<Operations>
    private let embedding: Operations.Weight
    /// `[positions, width]`; `nil` where queries and keys are rotated.
    private let positionEmbedding: Operations.Weight?
    private let finalNorm: Operations.NormWeights
    /// `[vocabulary, width]`; the embedding itself where embeddings are tied.
    private let head: Operations.Weight
    private let headBias: Operations.Bias?

    /// Finds all weights in `files` and checks their shapes; reads only norms and biases.
    ///
    /// - Parameters:
    ///   - configuration: What the files hold.
    ///   - positions: The longest sequence that will be computed.
    /// - Throws: ``ModelFileError`` naming the tensor that is missing or has the wrong shape.
    public init(
        configuration: DecoderConfiguration, files: Operations.Files, operations: Operations,
        positions: Int
    ) throws(ModelFileError) {
        self.configuration = configuration
        self.operations = operations
        self.positions = positions
        embedding = try operations.weight(.embedding, files)
        positionEmbedding =
            configuration.family.positionEmbedding == nil
            ? nil : try operations.weight(.positionEmbedding, files)
        head = configuration.tiedEmbeddings ? embedding : try operations.weight(.head, files)
        headBias = try operations.bias(of: .head, files)
        guard let finalNorm = try operations.norm(.final, files) else {
            preconditionFailure("every family normalises what the last layer yields")
        }
        self.finalNorm = finalNorm
        let rotations = Rotations(configuration, operations, positions: positions)
        layers = try DecoderStage(
            layers: 0..<configuration.layerCount, configuration, operations, files
        ) { rotations.rotation(layer: $0, configuration) }
    }

    /// Number of frozen parameters.
    public var parameterCount: Int { configuration.parameterCount }

    /// The residual stream as it enters the first layer.
    ///
    /// - Parameters:
    ///   - x: `[rows, width]`, overwritten.
    ///   - temporary: As large as `x`, overwritten.
    func embed(_ rows: Operations.Rows, into x: Matrix<Memory>, temporary: Matrix<Memory>) {
        operations.embed(rows, embedding, into: x)
        if let factor = configuration.embeddingScale { operations.scale(x, by: factor) }
        guard let positionEmbedding else { return }
        operations.embedPositions(rows, positionEmbedding, into: temporary)
        operations.add(temporary, to: x)
    }

    /// Loss at the target rows, left in the workspace.
    ///
    /// - Parameters:
    ///   - hidden: The last layer's output.
    ///   - normalized: As large. With a gradient, that of `hidden` is left there.
    ///   - gradient: As large, overwritten; `nil` if no gradient is wanted.
    func targetLosses(
        _ hidden: Matrix<Memory>, _ pass: SlicePass<Operations>, normalized: Matrix<Memory>,
        statistics: Memory, gradient: Matrix<Memory>?
    ) {
        operations.normalize(hidden, finalNorm, into: normalized, statistics: statistics)
        operations.crossEntropy(
            normalized, head: head, bias: headBias, cap: configuration.logitCap.map { Float($0) },
            pass.rows, dx: gradient, pass.workspace)
        guard let gradient else { return }
        // The normalised rows are spent: their memory takes the gradient of the hidden ones.
        operations.clear(normalized)
        operations.normalizeBack(
            gradient, x: hidden, finalNorm, statistics: statistics, into: normalized)
    }

    /// What follows a row: `[1, vocabulary]`.
    func logits(
        _ hidden: Matrix<Memory>, normalized: Matrix<Memory>, statistics: Memory,
        into logits: Matrix<Memory>, _ workspace: Operations.Workspace
    ) {
        operations.normalize(hidden, finalNorm, into: normalized, statistics: statistics)
        operations.project(normalized, head, into: logits, workspace)
        if let headBias { operations.add(bias: headBias, to: logits) }
        if let cap = configuration.logitCap { operations.cap(logits, at: Float(cap)) }
    }
}

extension LanguageModel<Backend> {
    /// A model that the processor computes, from its files.
    ///
    /// - Throws: As ``init(configuration:files:operations:positions:)``.
    public convenience init(
        files: BaseModel, backend: Backend, positions: Int
    ) throws(ModelFileError) {
        try self.init(
            configuration: files.configuration, files: files, operations: backend,
            positions: positions)
    }
}

/// The rotations of a model: that of most layers, and that of those with a window.
private struct Rotations<Operations: TensorOperations> {
    private let rotation: Operations.Rotation?
    private let localRotation: Operations.Rotation?

    init(_ configuration: DecoderConfiguration, _ operations: Operations, positions: Int) {
        let dimension = configuration.rotatedDimension
        func rotation(_ rotary: RotaryConfiguration) -> Operations.Rotation? {
            guard dimension > 0 else { return nil }
            return operations.rotation(
                inverseWavelengths: rotary.inverseWavelengths(dimension: dimension),
                positions: positions, neighbours: rotary.pairing == .neighbours)
        }
        self.rotation = rotation(configuration.rotary)
        localRotation = configuration.localRotary.flatMap(rotation)
    }

    func rotation(layer: Int, _ configuration: DecoderConfiguration) -> Operations.Rotation? {
        configuration.window(layer: layer) == nil ? rotation : localRotation ?? rotation
    }
}
