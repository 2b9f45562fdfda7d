import Kernels
import ModelFiles
import Tensors

/// One decoder layer, forward: what lanes and the incremental decoder have in common.
///
///     m = x + O(attention(norm x)),    output = m + D(silu(G(norm m)) ⊙ U(norm m))
///
/// The two differ in where keys and values lie, who attends to whom and which rows have a query,
/// which the caller brings: it calls the parts in the order in which they stand here, with its own
/// attention in between.
struct LayerPass {
    let model: LanguageModel
    /// The adapter, or `nil` for the base model alone.
    let parameters: LowRankParameters?
    let scratch: Scratch
    let layerScratch: LayerScratch
    /// Takes `x·Aᵀ` of each adapted projection, `[rows, rank]`.
    let lowRankInputs: [FloatBuffer]

    /// `norm x` of all rows, in the layer's scratch.
    func normalizeInput(layer: Int, _ kept: LayerActivations, rows: Int) -> Matrix {
        let shape = model.configuration
        let normalized = Matrix(layerScratch.normalized, rows: rows, columns: shape.width)
        model.backend.normalize(
            Matrix(kept.input, rows: rows, columns: shape.width),
            weight: model.layers[layer].inputNorm, epsilon: shape.normEpsilon, into: normalized,
            inverseRoots: kept.inputInverseRoots.pointer)
        return normalized
    }

    /// Rotated keys, and values.
    func computeKeysAndValues(
        layer: Int, _ normalized: Matrix, _ operands: AttentionOperands, positions: [Int32]
    ) {
        project(normalized, layer, .key, into: operands.key)
        project(normalized, layer, .value, into: operands.value)
        rotate(operands.key, heads: model.attention.keyValueHeads, positions)
    }

    /// Rotated queries of some or all rows.
    func computeQueries(
        layer: Int, _ normalized: Matrix, _ operands: AttentionOperands, positions: [Int32]
    ) {
        project(normalized, layer, .query, into: operands.query)
        rotate(operands.query, heads: model.attention.heads, positions)
    }

    /// From the attended values to the layer's output, at the rows with a query.
    ///
    /// - Parameters:
    ///   - residual: The layer's input at these rows.
    ///   - output: `[queries, width]`. It may be `residual`, which is not read after `m` is known;
    ///     `nil` if only what the backward pass needs is wanted.
    func finish(
        layer: Int, _ kept: LayerActivations, _ operands: AttentionOperands, residual: Matrix,
        into output: Matrix?
    ) {
        let (shape, backend) = (model.configuration, model.backend)
        let weights = model.layers[layer]
        let queries = operands.attended.rows
        let middle = Matrix(kept.middle, rows: queries, columns: shape.width)
        let normalized = Matrix(layerScratch.normalized, rows: queries, columns: shape.width)
        let gate = Matrix(kept.gate, rows: queries, columns: shape.feedForwardWidth)
        let up = Matrix(kept.up, rows: queries, columns: shape.feedForwardWidth)

        project(operands.attended, layer, .output, into: middle)
        backend.add(residual, to: middle)
        backend.normalize(
            middle, weight: weights.postAttentionNorm, epsilon: shape.normEpsilon,
            into: normalized, inverseRoots: kept.middleInverseRoots.pointer)
        project(normalized, layer, .gate, into: gate)
        project(normalized, layer, .up, into: up)
        guard let output else { return }
        let activated = Matrix(
            layerScratch.activated, rows: queries, columns: shape.feedForwardWidth)
        backend.gatedActivation(gate: gate, up: up, into: activated)
        project(activated, layer, .down, into: output)
        backend.add(middle, to: output)
    }

    private func rotate(_ x: Matrix, heads: Int, _ positions: [Int32]) {
        positions.withUnsafeBufferPointer { positions in
            guard let positions = positions.baseAddress else { return }
            model.backend.rotate(x, heads: heads, positions: positions, table: model.rotaryTable)
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

/// Views of a layer's attention operands: keys and values of a slice's rows, the rest of the rows
/// with a query.
struct AttentionOperands {
    let query: Matrix
    let key: Matrix
    let value: Matrix
    let attended: Matrix
    let logSums: Matrix

    init(_ kept: LayerActivations, _ model: LanguageModel, rows: Int, queries: Int) {
        let columns = model.attention.keyValueHeads * model.attention.dimension
        self.init(
            kept, model, queries: queries, key: Matrix(kept.key, rows: rows, columns: columns),
            value: Matrix(kept.value, rows: rows, columns: columns))
    }

    /// With keys and values that lie elsewhere, in a cache.
    init(
        _ kept: LayerActivations, _ model: LanguageModel, queries: Int, key: Matrix, value: Matrix
    ) {
        let columns = model.attention.heads * model.attention.dimension
        query = Matrix(kept.query, rows: queries, columns: columns)
        attended = Matrix(kept.attended, rows: queries, columns: columns)
        logSums = Matrix(kept.logSums, rows: queries, columns: model.attention.heads)
        self.key = key
        self.value = value
    }
}
