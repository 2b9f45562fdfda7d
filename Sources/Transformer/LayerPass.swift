import Kernels
import ModelFiles
import Tensors

/// One decoder layer, forward: what lanes and the incremental decoder have in common.
///
/// The two differ in where keys and values lie and in who attends to whom, which the caller brings.
struct LayerPass {
    let model: LanguageModel
    /// The adapter, or `nil` for the base model alone.
    let parameters: LowRankParameters?
    let scratch: Scratch
    let layerScratch: LayerScratch
    /// Takes `x·Aᵀ` of each adapted projection, `[rows, rank]`.
    let lowRankInputs: [FloatBuffer]

    /// `m = x + O(attention(norm x))`, `output = m + D(silu(G(norm m)) ⊙ U(norm m))`.
    ///
    /// - Parameters:
    ///   - layer: Index of the layer.
    ///   - kept: Holds the layer's input `x`; takes what a backward pass needs.
    ///   - operands: Where queries, keys, values and the attended values go, one row a token.
    ///   - positions: One a row.
    ///   - output: `[rows, width]`. It may be the layer's own input: that is not read after `m` is
    ///     known.
    ///   - attend: Fills `operands.attended` from the rotated operands.
    func run(
        layer: Int, _ kept: LayerActivations, _ operands: AttentionOperands,
        positions: [Int32], into output: Matrix, attend: () -> Void
    ) {
        let (shape, backend) = (model.configuration, model.backend)
        let weights = model.layers[layer]
        let rows = positions.count
        let input = Matrix(kept.input, rows: rows, columns: shape.width)
        let middle = Matrix(kept.middle, rows: rows, columns: shape.width)
        let normalized = Matrix(layerScratch.normalized, rows: rows, columns: shape.width)

        backend.normalize(
            input, weight: weights.inputNorm, epsilon: shape.normEpsilon, into: normalized,
            inverseRoots: kept.inputInverseRoots.pointer)
        project(normalized, layer, .query, into: operands.query)
        project(normalized, layer, .key, into: operands.key)
        project(normalized, layer, .value, into: operands.value)
        rotate(operands, positions)
        attend()
        project(operands.attended, layer, .output, into: middle)
        backend.add(input, to: middle)

        backend.normalize(
            middle, weight: weights.postAttentionNorm, epsilon: shape.normEpsilon,
            into: normalized, inverseRoots: kept.middleInverseRoots.pointer)
        let gate = Matrix(kept.gate, rows: rows, columns: shape.feedForwardWidth)
        let up = Matrix(kept.up, rows: rows, columns: shape.feedForwardWidth)
        let activated = Matrix(
            layerScratch.activated, rows: rows, columns: shape.feedForwardWidth)
        project(normalized, layer, .gate, into: gate)
        project(normalized, layer, .up, into: up)
        backend.gatedActivation(gate: gate, up: up, into: activated)
        project(activated, layer, .down, into: output)
        backend.add(middle, to: output)
    }

    private func rotate(_ operands: AttentionOperands, _ positions: [Int32]) {
        positions.withUnsafeBufferPointer { positions in
            guard let positions = positions.baseAddress else { return }
            model.backend.rotate(
                operands.query, heads: model.attention.heads, positions: positions,
                table: model.rotaryTable)
            model.backend.rotate(
                operands.key, heads: model.attention.keyValueHeads, positions: positions,
                table: model.rotaryTable)
        }
    }

    /// `y = x·W₀ᵀ + s·(x·Aᵀ)·Bᵀ`; `x·Aᵀ` is kept for the backward pass.
    private func project(_ x: Matrix, _ layer: Int, _ kind: ProjectionKind, into y: Matrix) {
        let backend = model.backend
        backend.project(x, model.layers[layer][kind], into: y, scratch: scratch)
        guard let parameters,
            let (index, pair) = parameters.layout.pair(layer: layer, projection: kind)
        else { return }
        let layout = parameters.layout
        let lowRank = Matrix(lowRankInputs[index], rows: x.rows, columns: layout.adapterRank)
        backend.multiply(x, layout.a(pair, in: parameters.buffer), transposeB: true, into: lowRank)
        backend.multiply(
            lowRank, layout.b(pair, in: parameters.buffer), transposeB: true, into: y,
            alpha: layout.scale, beta: 1)
    }
}

/// Views of a layer's attention operands over the rows of a slice or a segment.
struct AttentionOperands {
    let query: Matrix
    let key: Matrix
    let value: Matrix
    let attended: Matrix
    let logSums: Matrix

    init(_ kept: LayerActivations, _ model: LanguageModel, rows: Int) {
        let keys = model.attention.keyValueHeads * model.attention.dimension
        self.init(
            kept, model, rows: rows, key: Matrix(kept.key, rows: rows, columns: keys),
            value: Matrix(kept.value, rows: rows, columns: keys))
    }

    /// With keys and values that lie elsewhere, in a cache.
    init(_ kept: LayerActivations, _ model: LanguageModel, rows: Int, key: Matrix, value: Matrix) {
        let shape = model.attention
        let queries = shape.heads * shape.dimension
        self.init(
            query: Matrix(kept.query, rows: rows, columns: queries), key: key, value: value,
            attended: Matrix(kept.attended, rows: rows, columns: queries),
            logSums: Matrix(kept.logSums, rows: rows, columns: shape.heads))
    }

    private init(
        query: Matrix, key: Matrix, value: Matrix, attended: Matrix, logSums: Matrix
    ) {
        self.query = query
        self.key = key
        self.value = value
        self.attended = attended
        self.logSums = logSums
    }

    func rows(_ range: Range<Int>) -> AttentionOperands {
        AttentionOperands(
            query: query.rows(range), key: key.rows(range), value: value.rows(range),
            attended: attended.rows(range), logSums: logSums.rows(range))
    }
}
