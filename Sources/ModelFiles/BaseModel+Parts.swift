public import Tensors

/// The parts of a decoder by what they do, whatever its family calls them.
extension BaseModel {
    /// Weight and bias of a norm; the bias is empty where there is none.
    public typealias Norm = (weight: [Float], bias: [Float])

    /// Whether projections lie as `[inputs, outputs]` in the files.
    var storesTransposed: Bool { configuration.family.storesTransposed && ggufMetadata == nil }

    /// The token embedding, `[vocabulary, width]`.
    public func embedding() throws(ModelFileError) -> FrozenWeight {
        try matrix(
            "\(configuration.family.embedding).weight", rows: configuration.vocabularySize,
            columns: configuration.width)
    }

    /// Learned positions, `[positions, width]`; `nil` if there are none.
    public func positionEmbedding() throws(ModelFileError) -> FrozenWeight? {
        guard let path = configuration.family.positionEmbedding else { return nil }
        return try matrix(
            "\(path).weight", rows: configuration.maximumPositions, columns: configuration.width)
    }

    /// The output projection, `[vocabulary, width]`: the token embedding where they are tied.
    public func head() throws(ModelFileError) -> FrozenWeight {
        guard !configuration.tiedEmbeddings else { return try embedding() }
        return try matrix(
            "\(configuration.family.head).weight", rows: configuration.vocabularySize,
            columns: configuration.width)
    }

    /// The output projection's bias, `[vocabulary]`; `nil` if there is none.
    public func headBias() throws(ModelFileError) -> [Float]? {
        guard configuration.headBias else { return nil }
        return try vector(
            "\(configuration.family.head).bias", count: configuration.vocabularySize)
    }

    /// The weight of a projection, `[outputs, inputs]`.
    public func projection(
        _ kind: ProjectionKind, layer: Int
    ) throws(ModelFileError) -> FrozenWeight {
        let name = configuration.family.path(of: kind, layer: layer) + ".weight"
        let (outputs, inputs) = configuration.size(of: kind)
        guard storesTransposed else { return try matrix(name, rows: outputs, columns: inputs) }
        return try matrix(name, rows: inputs, columns: outputs).transposed
    }

    /// The bias of a projection, `[outputs]`; `nil` if it has none.
    public func bias(_ kind: ProjectionKind, layer: Int) throws(ModelFileError) -> [Float]? {
        guard configuration.biases.contains(kind) else { return nil }
        return try vector(
            configuration.family.path(of: kind, layer: layer) + ".bias",
            count: configuration.size(of: kind).outputs)
    }

    /// A norm of a layer; `nil` if the family has none there.
    public func norm(_ role: NormRole, layer: Int) throws(ModelFileError) -> Norm? {
        guard let path = configuration.family.path(of: role, layer: layer) else { return nil }
        return try norm(path, size: configuration.size(of: role))
    }

    /// The norm before the output projection.
    public func finalNorm() throws(ModelFileError) -> Norm {
        try norm(configuration.family.finalNorm, size: configuration.width)
    }

    /// With ``DecoderConfiguration/NormKind/rootMeanSquarePlusOne`` the weight has its 1 already.
    private func norm(_ path: String, size: Int) throws(ModelFileError) -> Norm {
        var weight = try vector(path + ".weight", count: size)
        if configuration.norm == .rootMeanSquarePlusOne {
            for index in weight.indices { weight[index] += 1 }
        }
        let bias = configuration.norm == .layer ? try vector(path + ".bias", count: size) : []
        return (weight, bias)
    }
}
