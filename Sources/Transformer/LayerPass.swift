import Kernels
import ModelFiles
import Tensors

/// One decoder layer, forward: what lanes and the incremental decoder have in common.
///
///     m = x + O(attention(norm x)),    output = m + F(norm m),    F(y) = D(act(G y) ⊙ U y)
///
/// Families differ in detail: blocks may normalise what they yield, the feed-forward block `F` may
/// have no gate, and it may read `x` instead of `m`. Lanes and decoder differ in where keys and
/// values lie, who attends to whom and which rows have a query, which the caller brings: it calls the
/// parts in the order in which they stand here, with its own attention in between.
struct LayerPass {
    let model: LanguageModel
    /// The adapter, or `nil` for the base model alone.
    let parameters: LowRankParameters?
    let scratch: Scratch
    let layerScratch: LayerScratch
    /// Takes `x·Aᵀ` of each adapted projection, `[rows, rank]`.
    let lowRankInputs: [FloatBuffer]

    private var shape: DecoderConfiguration { model.configuration }
    private var backend: Backend { model.backend }

    /// `norm x` of all rows, in the layer's scratch.
    func normalizeInput(layer: Int, _ kept: LayerActivations, rows: Int) -> Matrix {
        let normalized = Matrix(layerScratch.normalized, rows: rows, columns: shape.width)
        backend.normalize(
            Matrix(kept.input, rows: rows, columns: shape.width), model.layers[layer].inputNorm,
            into: normalized, statistics: kept.inputStatistics.pointer)
        return normalized
    }

    /// Rotated keys, and values, of all rows.
    func computeKeysAndValues(
        layer: Int, _ normalized: Matrix, _ operands: AttentionOperands, positions: [Int32]
    ) {
        let plain = operands.plainKey ?? operands.key
        if let fused = fusedMatrix(.queryKeyValue, rows: normalized.rows) {
            project(normalized, layer, .queryKeyValue, into: fused)
            backend.split(fused, shape.fusedColumns(of: .key), into: plain)
            backend.split(fused, shape.fusedColumns(of: .value), into: operands.value)
        } else {
            project(normalized, layer, .key, into: plain)
            project(normalized, layer, .value, into: operands.value)
        }
        if let norm = model.layers[layer].keyNorm {
            normalizeHeads(plain, norm, into: operands.key, operands.keyStatistics)
        }
        rotate(operands.key, layer: layer, heads: shape.keyValueHeadCount, positions)
    }

    /// Rotated queries of some or all rows.
    ///
    /// - Parameters:
    ///   - normalized: The rows with a query, or all where queries are fused with keys.
    ///   - rows: Which rows have a query; `nil` if all have.
    func computeQueries(
        layer: Int, _ normalized: Matrix, rows: [Int32]? = nil, _ operands: AttentionOperands,
        positions: [Int32]
    ) {
        let plain = operands.plainQuery ?? operands.query
        if let fused = fusedMatrix(.queryKeyValue, rows: normalized.rows) {
            let blocks = shape.fusedColumns(of: .query)
            if let rows {
                let all = Matrix(
                    layerScratch.fusedQuery, rows: normalized.rows, columns: plain.columns)
                backend.split(fused, blocks, into: all)
                backend.gather(all, rows: rows, into: plain)
            } else {
                backend.split(fused, blocks, into: plain)
            }
        } else {
            project(normalized, layer, .query, into: plain)
        }
        if let norm = model.layers[layer].queryNorm {
            normalizeHeads(plain, norm, into: operands.query, operands.queryStatistics)
        }
        rotate(operands.query, layer: layer, heads: shape.headCount, positions)
    }

    /// From the attended values to the layer's output, at the rows with a query.
    ///
    /// - Parameters:
    ///   - residual: The layer's input at these rows.
    ///   - output: `[queries, width]`. It may be `residual`, which is not read after the
    ///     feed-forward block's input is known; `nil` if only what the backward pass needs is wanted.
    func finish(
        layer: Int, _ kept: LayerActivations, _ operands: AttentionOperands, residual: Matrix,
        into output: Matrix?
    ) {
        let weights = model.layers[layer]
        let queries = operands.attended.rows
        let middle = Matrix(kept.middle, rows: queries, columns: shape.width)
        let normalized = Matrix(layerScratch.normalized, rows: queries, columns: shape.width)
        if let norm = weights.afterAttentionNorm {
            let attention = Matrix(kept.attentionOutput, rows: queries, columns: shape.width)
            project(operands.attended, layer, .output, into: attention)
            backend.normalize(
                attention, norm, into: middle, statistics: kept.afterAttentionStatistics.pointer)
        } else {
            project(operands.attended, layer, .output, into: middle)
        }
        backend.add(residual, to: middle)
        backend.normalize(
            shape.parallelResidual ? residual : middle, weights.feedForwardNorm, into: normalized,
            statistics: kept.feedForwardStatistics.pointer)
        let hidden = FeedForwardOperands(kept, shape, rows: queries)
        enterFeedForward(layer: layer, normalized, hidden)
        guard output != nil || weights.afterFeedForwardNorm != nil else { return }
        let activated = Matrix(
            layerScratch.activated, rows: queries, columns: shape.feedForwardWidth)
        backend.activate(
            shape.kernelActivation, hidden.activated, factor: hidden.factor, into: activated)
        if let norm = weights.afterFeedForwardNorm {
            let block = Matrix(kept.feedForwardOutput, rows: queries, columns: shape.width)
            project(activated, layer, .down, into: block)
            backend.normalize(
                block, norm, into: output ?? normalized,
                statistics: kept.afterFeedForwardStatistics.pointer)
        } else if let output {
            project(activated, layer, .down, into: output)
        }
        if let output { backend.add(middle, to: output) }
    }

    /// The projections before the activation.
    private func enterFeedForward(
        layer: Int, _ normalized: Matrix, _ hidden: FeedForwardOperands
    ) {
        if let fused = fusedMatrix(.gateUp, rows: normalized.rows), let gate = hidden.gate {
            project(normalized, layer, .gateUp, into: fused)
            backend.split(fused, shape.fusedColumns(of: .gate), into: gate)
            backend.split(fused, shape.fusedColumns(of: .up), into: hidden.up)
            return
        }
        if let gate = hidden.gate { project(normalized, layer, .gate, into: gate) }
        project(normalized, layer, .up, into: hidden.up)
    }

    /// Room for what a fused projection yields; `nil` if the family does not fuse it.
    private func fusedMatrix(_ kind: ProjectionKind, rows: Int) -> Matrix? {
        guard shape.family.modules[kind] != nil else { return nil }
        return Matrix(layerScratch.fused, rows: rows, columns: shape.size(of: kind).outputs)
    }

    private func normalizeHeads(
        _ plain: Matrix, _ norm: Norm, into x: Matrix, _ statistics: FloatBuffer
    ) {
        backend.normalize(
            plain.heads(of: shape.headDimension), norm, into: x.heads(of: shape.headDimension),
            statistics: statistics.pointer)
    }

    private func rotate(_ x: Matrix, layer: Int, heads: Int, _ positions: [Int32]) {
        guard let table = model.layers[layer].rotaryTable else { return }
        positions.withUnsafeBufferPointer { positions in
            guard let positions = positions.baseAddress else { return }
            backend.rotate(x, heads: heads, positions: positions, table: table)
        }
    }

    /// `y = x·W₀ᵀ + b + s·(x·Aᵀ)·Bᵀ`; `x·Aᵀ` is kept for the backward pass.
    private func project(_ x: Matrix, _ layer: Int, _ kind: ProjectionKind, into y: Matrix) {
        backend.project(x, model.layers[layer][kind], into: y, scratch: scratch)
        if let bias = model.layers[layer].bias(kind) { backend.add(bias: bias, to: y) }
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

/// Views of what enters the activation of a feed-forward block.
struct FeedForwardOperands {
    /// `nil` where there is none.
    let gate: Matrix?
    let up: Matrix

    init(_ kept: LayerActivations, _ shape: DecoderConfiguration, rows: Int) {
        gate =
            shape.family.isGated
            ? Matrix(kept.gate, rows: rows, columns: shape.feedForwardWidth) : nil
        up = Matrix(kept.up, rows: rows, columns: shape.feedForwardWidth)
    }

    /// What the activation is applied to.
    var activated: Matrix { gate ?? up }
    /// What its value is multiplied by.
    var factor: Matrix? { gate == nil ? nil : up }
}

/// Views of a layer's attention operands: keys and values of a slice's rows, the rest of the rows
/// with a query.
struct AttentionOperands {
    let query: Matrix
    let key: Matrix
    let value: Matrix
    let attended: Matrix
    let logSums: Matrix
    /// Before heads were normalised and rotated; `nil` where they are not normalised.
    let plainQuery: Matrix?
    let plainKey: Matrix?
    let queryStatistics: FloatBuffer
    let keyStatistics: FloatBuffer

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
        let norms = model.configuration.family.norms
        plainQuery =
            norms[.query] == nil ? nil : Matrix(kept.plainQuery, rows: queries, columns: columns)
        plainKey =
            norms[.key] == nil
            ? nil : Matrix(kept.plainKey, rows: key.rows, columns: key.columns)
        queryStatistics = kept.queryStatistics
        keyStatistics = kept.keyStatistics
        self.key = key
        self.value = value
    }
}
