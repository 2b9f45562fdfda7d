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
        embedding = try files.matrix(
            "model.embed_tokens.weight", rows: configuration.vocabularySize,
            columns: configuration.width)
        head =
            configuration.tiedEmbeddings
            ? embedding
            : try files.matrix(
                "lm_head.weight", rows: configuration.vocabularySize, columns: configuration.width)
        finalNorm = try Self.norm("model.norm.weight", files)
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

    static func norm(_ name: String, _ files: BaseModel) throws(ModelFileError) -> FloatBuffer {
        let values = try files.vector(name, count: files.configuration.width)
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
    private let projections: [FrozenMatrix]

    init(_ index: Int, _ files: BaseModel) throws(ModelFileError) {
        let prefix = "model.layers.\(index)."
        inputNorm = try LanguageModel.norm(prefix + "input_layernorm.weight", files)
        postAttentionNorm = try LanguageModel.norm(
            prefix + "post_attention_layernorm.weight", files)
        var projections: [FrozenMatrix] = []
        for kind in ProjectionKind.allCases {
            let (outputs, inputs) = files.configuration.size(of: kind)
            projections.append(
                try files.matrix(
                    prefix + kind.modulePath + ".weight", rows: outputs, columns: inputs))
        }
        self.projections = projections
    }

    /// The weight of `kind`, `[outputs, inputs]`.
    subscript(kind: ProjectionKind) -> FrozenMatrix { projections[kind.index] }

    var parameterCount: Int {
        projections.reduce(inputNorm.count + postAttentionNorm.count) {
            $0 + $1.rows * $1.columns
        }
    }
}

extension DecoderConfiguration {
    /// Shape of a projection's weight.
    public func size(of kind: ProjectionKind) -> (outputs: Int, inputs: Int) {
        let queries = headCount * headDimension
        let keys = keyValueHeadCount * headDimension
        return switch kind {
        case .query: (queries, width)
        case .key, .value: (keys, width)
        case .output: (width, queries)
        case .gate, .up: (feedForwardWidth, width)
        case .down: (width, feedForwardWidth)
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
