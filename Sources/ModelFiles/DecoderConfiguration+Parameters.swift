extension DecoderConfiguration {
    /// Elements of all weight matrices: projections, embeddings, the output.
    public var matrixParameters: Int { parameters { $0.count > 1 } }

    /// Elements of norms and biases.
    public var vectorParameters: Int { parameters { $0.count == 1 } }

    /// Frozen parameters of the model.
    public var parameterCount: Int { parameters { _ in true } }

    private func parameters(where isCounted: ([Int]) -> Bool) -> Int {
        var count = 0
        forEachRequired { _, shape, _ throws(Never) in
            if isCounted(shape) { count += shape.reduce(1, *) }
        }
        return count
    }
}
