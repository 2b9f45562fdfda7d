public import ModelFiles

/// What training a model takes, from its shape alone: LoRA beside full fine-tuning.
///
/// Counted are weights, gradients and the optimizer's moments; activations depend on the data and
/// are measured by a plan of a run.
public struct ShapePlan: Sendable, Equatable {
    /// How the frozen base model is stored.
    public enum BaseType: String, Sendable, CaseIterable {
        case float32
        case bfloat16
        /// As GGUF's Q4_0: blocks of 32 elements in 18 bytes; norms and biases stay float32.
        case fourBit = "4-bit"
    }

    public let shape: DecoderConfiguration
    public let adapterRank: Int
    /// The adapted projections of each layer.
    public let targets: [ShapeTarget]

    /// - Throws: ``OperationsError`` if a target or the rank does not fit the shape.
    public init(
        shape: DecoderConfiguration, adapterRank: Int, targets: String
    ) throws(OperationsError) {
        self.shape = shape
        self.targets = try shape.shapeTargets(targets)
        self.adapterRank = adapterRank
        let widest = shape.linearProjections.map { max($0.inputs, $0.outputs) }.max() ?? 0
        guard adapterRank >= 1, adapterRank <= widest else {
            throw OperationsError(
                "--rank", "is \(adapterRank); it must be from 1 to \(widest) for this model",
                hint: "Ranks from 4 to 64 are usual")
        }
    }

    /// `r · (in + out)` for each adapted projection of each layer.
    ///
    /// Source: Hu et al. 2021, arXiv:2106.09685, section 4.2.
    public var trainableParameters: Int {
        shape.layerCount * targets.reduce(0) { $0 + adapterRank * ($1.inputs + $1.outputs) }
    }

    /// Bytes of A and B in an adapter file, without the file's header.
    public func adapterBytes(bytesPerParameter: Int) -> Int {
        trainableParameters * bytesPerParameter
    }

    /// Bytes of a checkpoint: A, B and both moments in float32, one exponent a tensor.
    public var checkpointBytes: Int {
        3 * 4 * trainableParameters + 8 * 2 * targets.count * shape.layerCount
    }

    /// Bytes of the base model's weights.
    public func baseBytes(_ type: BaseType) -> Int {
        switch type {
        case .float32: 4 * shape.parameterCount
        case .bfloat16: 2 * shape.parameterCount
        case .fourBit: (shape.matrixParameters + 31) / 32 * 18 + 4 * shape.vectorParameters
        }
    }

    /// Bytes of full fine-tuning with Adam in float32: weights, gradient, two moments.
    public var fullFineTuningBytes: Int { 16 * shape.parameterCount }

    /// Bytes of a rank's own part of LoRA: parameters, a lane's gradient, the exact sum's integers.
    ///
    /// The base model comes on top once for all ranks of a node.
    public func rankBytes(lanes: Int) -> Int {
        trainableParameters * (4 + 4 * lanes + 8)
    }

    /// What rank 0 has beside that: the averaged gradient and both moments.
    public var coordinatorBytes: Int { trainableParameters * 12 }

    /// Bytes that each step's all-reduce sums, and that its broadcast of A and B carries.
    public var bytesPerStep: (reduced: Int, broadcast: Int) {
        (8 * trainableParameters, 4 * trainableParameters)
    }
}
