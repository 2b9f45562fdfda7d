public import Kernels
public import ModelFiles
import Tensors

/// A frozen decoder-only language model: its weights as they lie in the files, ready to compute.
///
/// Shared by all lanes of a process; the weights' pages are shared by all processes of a node.
public final class LanguageModel: Sendable {
    public let configuration: DecoderConfiguration
    public let backend: Backend
    /// The longest sequence that can be computed.
    public let positions: Int
    let embedding: FrozenMatrix
    /// `[positions, width]`; `nil` where queries and keys are rotated.
    let positionEmbedding: FrozenMatrix?
    let layers: [DecoderLayer]
    let finalNorm: Norm
    /// `[vocabulary, width]`; the embedding itself where embeddings are tied.
    let head: FrozenMatrix
    /// `[vocabulary]`.
    let headBias: FloatBuffer?
    /// The heads of every layer; windows are those of ``DecoderLayer/attention``.
    let attention: AttentionShape

    /// Finds all weights in `files` and checks their shapes; reads only norms and biases.
    ///
    /// - Parameter positions: The longest sequence that will be computed.
    /// - Throws: ``ModelFileError`` naming the tensor that is missing or has the wrong shape.
    public init(files: BaseModel, backend: Backend, positions: Int) throws(ModelFileError) {
        let configuration = files.configuration
        self.configuration = configuration
        self.backend = backend
        self.positions = positions
        embedding = try files.embedding()
        positionEmbedding = try files.positionEmbedding()
        head = try files.head()
        headBias = try files.headBias().map { FloatBuffer(copying: $0) }
        finalNorm = Norm(try files.finalNorm(), configuration)
        let rotaryTables = RotaryTables(configuration, positions: positions)
        var layers: [DecoderLayer] = []
        for index in 0..<configuration.layerCount {
            layers.append(try DecoderLayer(index, files, rotaryTables))
        }
        self.layers = layers
        attention = configuration.attentionShape(layer: 0)
    }

    /// The residual stream as it enters the first layer.
    ///
    /// - Parameters:
    ///   - positions: One a token.
    ///   - x: `[tokens, width]`, overwritten.
    ///   - temporary: As large as `x`, overwritten.
    func embed(_ tokens: [Int32], positions: [Int32], into x: Matrix, temporary: Matrix) {
        tokens.withUnsafeBufferPointer { backend.embed($0, embedding, into: x) }
        if let factor = configuration.embeddingScale { backend.scale(x, by: factor) }
        guard let positionEmbedding else { return }
        positions.withUnsafeBufferPointer {
            backend.embed($0, positionEmbedding, into: temporary)
        }
        backend.add(temporary, to: x)
    }

    /// Number of frozen parameters.
    public var parameterCount: Int {
        let ends = embedding.rows * embedding.columns * (configuration.tiedEmbeddings ? 1 : 2)
        let positions = positionEmbedding.map { $0.rows * $0.columns } ?? 0
        return ends + positions + layers.reduce(0) { $0 + $1.parameterCount }
            + finalNorm.parameterCount + (headBias?.count ?? 0)
    }
}

/// The weights of one decoder layer.
struct DecoderLayer: Sendable {
    let inputNorm: Norm
    /// Before the feed-forward block; the input's where the family has one norm for both.
    let feedForwardNorm: Norm
    let queryNorm: Norm?
    let keyNorm: Norm?
    let afterAttentionNorm: Norm?
    let afterFeedForwardNorm: Norm?
    let attention: AttentionShape
    /// `nil` where positions are learned.
    let rotaryTable: RotaryTable?
    let parameterCount: Int
    private let projections: [FrozenMatrix?]
    private let biases: [FloatBuffer?]

    init(_ index: Int, _ files: BaseModel, _ tables: RotaryTables) throws(ModelFileError) {
        let configuration = files.configuration
        var parameterCount = 0
        func norm(_ role: NormRole) throws(ModelFileError) -> Norm? {
            guard let numbers = try files.norm(role, layer: index) else { return nil }
            let norm = Norm(numbers, configuration)
            parameterCount += norm.parameterCount
            return norm
        }
        guard let inputNorm = try norm(.input) else {
            preconditionFailure("every family normalises what enters a layer")
        }
        self.inputNorm = inputNorm
        feedForwardNorm = try norm(.feedForward) ?? inputNorm
        queryNorm = try norm(.query)
        keyNorm = try norm(.key)
        afterAttentionNorm = try norm(.afterAttention)
        afterFeedForwardNorm = try norm(.afterFeedForward)
        attention = configuration.attentionShape(layer: index)
        rotaryTable = tables.table(layer: index, configuration)
        var projections = [FrozenMatrix?](repeating: nil, count: ProjectionKind.allCases.count)
        var biases = [FloatBuffer?](repeating: nil, count: ProjectionKind.allCases.count)
        for kind in configuration.family.projections {
            let weight = try files.projection(kind, layer: index)
            projections[kind.index] = weight
            biases[kind.index] = try files.bias(kind, layer: index).map {
                FloatBuffer(copying: $0)
            }
            parameterCount += weight.rows * weight.columns + (biases[kind.index]?.count ?? 0)
        }
        self.projections = projections
        self.biases = biases
        self.parameterCount = parameterCount
    }

    /// The weight of `kind`, `[outputs, inputs]`.
    ///
    /// - Precondition: The family has it.
    subscript(kind: ProjectionKind) -> FrozenMatrix {
        guard let weight = projections[kind.index] else {
            preconditionFailure("no \(kind) in this family")
        }
        return weight
    }

    func bias(_ kind: ProjectionKind) -> FloatBuffer? { biases[kind.index] }
}

/// The rotations of a model: that of most layers, and that of those with a window.
struct RotaryTables {
    private let table: RotaryTable?
    private let localTable: RotaryTable?

    init(_ configuration: DecoderConfiguration, positions: Int) {
        let dimension = configuration.rotatedDimension
        func table(_ rotary: RotaryConfiguration) -> RotaryTable? {
            guard dimension > 0 else { return nil }
            return RotaryTable(
                inverseWavelengths: rotary.inverseWavelengths(dimension: dimension),
                positions: positions, rotatesNeighbours: rotary.pairing == .neighbours)
        }
        self.table = table(configuration.rotary)
        localTable = configuration.localRotary.flatMap(table)
    }

    func table(layer: Int, _ configuration: DecoderConfiguration) -> RotaryTable? {
        configuration.window(layer: layer) == nil ? table : localTable ?? table
    }
}

extension DecoderConfiguration {
    /// The heads of `layer` and whom its queries see.
    public func attentionShape(layer: Int) -> AttentionShape {
        AttentionShape(
            heads: headCount, keyValueHeads: keyValueHeadCount, dimension: headDimension,
            scale: attentionScale.map { Float($0) }, scoreCap: scoreCap.map { Float($0) },
            window: window(layer: layer))
    }

    /// How the kernels name the activation.
    var kernelActivation: Kernels.Activation {
        switch activation {
        case .silu: .silu
        case .geluExact: .geluExact
        case .geluTanh: .geluTanh
        case .relu: .relu
        }
    }

    /// How the kernels name the norms; a 1 to be added is in the weights already.
    var kernelNorm: Norm.Kind {
        switch norm {
        case .rootMeanSquare, .rootMeanSquarePlusOne: .rootMeanSquare
        case .layer: .layer
        }
    }

    /// Where queries, keys and values lie in a fused projection's columns.
    func fusedColumns(of kind: ProjectionKind) -> ColumnBlocks {
        let (d, queries) = (headDimension, headCount * headDimension)
        let keys = keyValueHeadCount * headDimension
        switch (kind, family.fusedLayout) {
        case (.query, .concatenated): return ColumnBlocks(start: 0, width: queries)
        case (.key, .concatenated): return ColumnBlocks(start: queries, width: keys)
        case (.value, .concatenated): return ColumnBlocks(start: queries + keys, width: keys)
        case (.query, .perHead):
            return ColumnBlocks(start: 0, count: headCount, width: d, distance: 3 * d)
        case (.key, .perHead):
            return ColumnBlocks(start: d, count: headCount, width: d, distance: 3 * d)
        case (.value, .perHead):
            return ColumnBlocks(start: 2 * d, count: headCount, width: d, distance: 3 * d)
        case (.gate, _): return ColumnBlocks(start: 0, width: feedForwardWidth)
        case (.up, _): return ColumnBlocks(start: feedForwardWidth, width: feedForwardWidth)
        default: preconditionFailure("\(kind) is never fused")
        }
    }
}

extension Norm {
    init(_ numbers: BaseModel.Norm, _ configuration: DecoderConfiguration) {
        self.init(
            kind: configuration.kernelNorm, weight: FloatBuffer(copying: numbers.weight),
            bias: FloatBuffer(copying: numbers.bias), epsilon: configuration.normEpsilon)
    }

    var parameterCount: Int { weight.count + bias.count }
}

extension RotaryConfiguration {
    /// Radians a position of each rotated pair: `θ^(−2i/d)`, stretched as `scaling` says.
    ///
    /// - Source: Su et al. 2021, arXiv:2104.09864; the `llama3` stretch as in transformers'
    ///   `modeling_rope_utils`: long wavelengths divided by the factor, short ones kept, those
    ///   between interpolated.
    public func inverseWavelengths(dimension: Int) -> [Float] {
        let logarithm = Elementary.log(theta)
        return (0..<dimension / 2).map { pair in
            let plain = Elementary.exp(-Double(2 * pair) / Double(dimension) * logarithm)
            switch scaling {
            case .none: return Float(plain)
            case .linear(let factor): return Float(plain / factor)
            case .divisors(let divisors): return Float(plain / divisors[pair])
            case .llama3(let factor, let low, let high, let original):
                let wavelength = 2 * Double.pi / plain
                let positions = Double(original)
                if wavelength < positions / high { return Float(plain) }
                if wavelength > positions / low { return Float(plain / factor) }
                let smooth = (positions / wavelength - low) / (high - low)
                return Float((1 - smooth) * plain / factor + smooth * plain)
            }
        }
    }
}
