public import Kernels
public import ModelFiles
import Tensors

/// A frozen decoder-only language model: its weights as they lie in the files, ready to compute.
///
/// Shared by all lanes of a process; the weights' pages are shared by all processes of a node.
public final class LanguageModel: Sendable {
    public let configuration: DecoderConfiguration
    public let backend: Backend
    let embedding: FrozenMatrix
    let layers: [DecoderLayer]
    let finalNorm: FloatBuffer
    /// `[vocabulary, width]`; the embedding itself where embeddings are tied.
    let head: FrozenMatrix
    let rotaryTable: RotaryTable
    let attention: AttentionShape

    /// Finds all weights in `files` and checks their shapes; reads only the norms.
    ///
    /// - Parameter positions: The longest sequence that will be computed.
    /// - Throws: ``ModelFileError`` naming the tensor that is missing or has the wrong shape.
    public init(files: BaseModel, backend: Backend, positions: Int) throws(ModelFileError) {
        let configuration = files.configuration
        self.configuration = configuration
        self.backend = backend
        embedding = try files.embedding()
        head = try files.head()
        finalNorm = Self.buffer(try files.finalNorm().weight)
        var layers: [DecoderLayer] = []
        for index in 0..<configuration.layerCount {
            layers.append(try DecoderLayer(index, files))
        }
        self.layers = layers
        rotaryTable = RotaryTable(
            inverseWavelengths: configuration.rotary.inverseWavelengths(
                dimension: configuration.headDimension),
            positions: positions)
        attention = AttentionShape(
            heads: configuration.headCount, keyValueHeads: configuration.keyValueHeadCount,
            dimension: configuration.headDimension)
    }

    static func buffer(_ values: [Float]) -> FloatBuffer {
        let buffer = FloatBuffer(count: values.count)
        for (index, value) in values.enumerated() { buffer.pointer[index] = value }
        return buffer
    }

    /// Number of frozen parameters.
    public var parameterCount: Int {
        let perLayer = layers.first?.parameterCount ?? 0
        let ends = embedding.rows * embedding.columns * (configuration.tiedEmbeddings ? 1 : 2)
        return ends + layers.count * perLayer + finalNorm.count
    }
}

/// The weights of one decoder layer.
struct DecoderLayer: Sendable {
    let inputNorm: FloatBuffer
    let postAttentionNorm: FloatBuffer
    private let projections: [FrozenMatrix?]

    init(_ index: Int, _ files: BaseModel) throws(ModelFileError) {
        inputNorm = LanguageModel.buffer(try files.norm(.input, layer: index)?.weight ?? [])
        postAttentionNorm = LanguageModel.buffer(
            try files.norm(.feedForward, layer: index)?.weight ?? [])
        var projections = [FrozenMatrix?](repeating: nil, count: ProjectionKind.allCases.count)
        for kind in files.configuration.family.projections {
            projections[kind.index] = try files.projection(kind, layer: index)
        }
        self.projections = projections
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

    var parameterCount: Int {
        projections.reduce(inputNorm.count + postAttentionNorm.count) {
            $0 + ($1.map { $0.rows * $0.columns } ?? 0)
        }
    }
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
