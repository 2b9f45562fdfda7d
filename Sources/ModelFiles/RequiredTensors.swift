/// Names and shapes of the weights of a model, as transformers has them.
extension DecoderConfiguration {
    /// Names of the weights that the model must have.
    ///
    /// - Parameter layers: Of so many layers at most: a damaged file may speak of billions.
    func requiredNames(layers: Int) -> [String] {
        var names: [String] = []
        forEachRequired(layers: min(layers, layerCount)) { name, _, _ throws(Never) in
            names.append(name)
        }
        return names
    }

    /// Calls `body` with the name and shape of every weight that the model must have.
    ///
    /// Shapes are those of the computation, `[outputs, inputs]`, also where files hold projections
    /// transposed.
    func forEachRequired<Failure: Error>(
        layers: Int? = nil,
        _ body: (_ name: String, _ shape: [Int], _ isProjection: Bool) throws(Failure) -> Void
    ) throws(Failure) {
        try body("\(family.embedding).weight", [vocabularySize, width], false)
        if let positions = family.positionEmbedding {
            try body("\(positions).weight", [maximumPositions, width], false)
        }
        for layer in 0..<(layers ?? layerCount) {
            try forEachRequired(layer: layer, body)
        }
        try forEachRequired(norm: family.finalNorm, width, body)
        if !tiedEmbeddings { try body("\(family.head).weight", [vocabularySize, width], false) }
        if headBias { try body("\(family.head).bias", [vocabularySize], false) }
    }

    private func forEachRequired<Failure: Error>(
        layer: Int, _ body: (String, [Int], Bool) throws(Failure) -> Void
    ) throws(Failure) {
        if let path = family.path(of: .input, layer: layer) {
            try forEachRequired(norm: path, size(of: .input), body)
        }
        for kind in family.projections {
            let path = family.path(of: kind, layer: layer)
            let (outputs, inputs) = size(of: kind)
            try body("\(path).weight", [outputs, inputs], true)
            if biases.contains(kind) { try body("\(path).bias", [outputs], false) }
        }
        for role in NormRole.allCases where role != .input {
            guard let path = family.path(of: role, layer: layer) else { continue }
            try forEachRequired(norm: path, size(of: role), body)
        }
    }

    private func forEachRequired<Failure: Error>(
        norm path: String, _ size: Int, _ body: (String, [Int], Bool) throws(Failure) -> Void
    ) throws(Failure) {
        try body("\(path).weight", [size], false)
        if norm == .layer { try body("\(path).bias", [size], false) }
    }
}
