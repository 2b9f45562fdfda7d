import Kernels
import ModelFiles
import Slices
import Tensors

extension Lane {
    /// Runs all layers over `slice`; the last one's output is left in `finalHidden`.
    func forward(_ slice: PackedSlice, _ parameters: LowRankParameters?) {
        let width = model.configuration.width
        let rows = slice.tokens.count
        slice.tokens.withUnsafeBufferPointer { tokens in
            model.backend.embed(
                tokens, model.embedding,
                into: Matrix(activations(layer: 0).input, rows: rows, columns: width))
        }
        for layer in model.layers.indices {
            let next =
                layer + 1 < model.layers.count ? activations(layer: layer + 1).input : finalHidden
            forward(
                layer: layer, slice, parameters,
                into: Matrix(next, rows: rows, columns: width))
        }
    }

    /// `m = x + O(attention(norm x))`, `output = m + D(silu(G(norm m)) ⊙ U(norm m))`.
    ///
    /// `output` may be the layer's own input: that is not read after `m` is known.
    private func forward(
        layer: Int, _ slice: PackedSlice, _ parameters: LowRankParameters?, into output: Matrix
    ) {
        let (shape, backend) = (model.configuration, model.backend)
        let (weights, kept) = (model.layers[layer], activations(layer: layer))
        let rows = slice.tokens.count
        let input = Matrix(kept.input, rows: rows, columns: shape.width)
        let middle = Matrix(kept.middle, rows: rows, columns: shape.width)
        let normalized = Matrix(layerScratch.normalized, rows: rows, columns: shape.width)

        backend.normalize(
            input, weight: weights.inputNorm, epsilon: shape.normEpsilon, into: normalized,
            inverseRoots: kept.inputInverseRoots.pointer)
        let attended = attend(layer: layer, normalized, slice, parameters)
        project(attended, layer, .output, parameters, into: middle)
        backend.add(input, to: middle)

        backend.normalize(
            middle, weight: weights.postAttentionNorm, epsilon: shape.normEpsilon,
            into: normalized, inverseRoots: kept.middleInverseRoots.pointer)
        let gate = Matrix(kept.gate, rows: rows, columns: shape.feedForwardWidth)
        let up = Matrix(kept.up, rows: rows, columns: shape.feedForwardWidth)
        let activated = Matrix(
            layerScratch.activated, rows: rows, columns: shape.feedForwardWidth)
        project(normalized, layer, .gate, parameters, into: gate)
        project(normalized, layer, .up, parameters, into: up)
        backend.gatedActivation(gate: gate, up: up, into: activated)
        project(activated, layer, .down, parameters, into: output)
        backend.add(middle, to: output)
    }

    /// Attention of every segment over itself.
    private func attend(
        layer: Int, _ normalized: Matrix, _ slice: PackedSlice, _ parameters: LowRankParameters?
    ) -> Matrix {
        let backend = model.backend
        let operands = AttentionOperands(activations(layer: layer), model, rows: normalized.rows)
        project(normalized, layer, .query, parameters, into: operands.query)
        project(normalized, layer, .key, parameters, into: operands.key)
        project(normalized, layer, .value, parameters, into: operands.value)
        slice.positions.withUnsafeBufferPointer { positions in
            guard let positions = positions.baseAddress else { return }
            backend.rotate(
                operands.query, heads: model.attention.heads, positions: positions,
                table: model.rotaryTable)
            backend.rotate(
                operands.key, heads: model.attention.keyValueHeads, positions: positions,
                table: model.rotaryTable)
        }
        for segment in slice.segments {
            let own = operands.rows(segment.rows)
            backend.attend(
                own.query, own.key, own.value, shape: model.attention, into: own.attended,
                logSums: own.logSums, scratch: scratch)
        }
        return operands.attended
    }

    /// `y = x·W₀ᵀ + s·(x·Aᵀ)·Bᵀ`; `x·Aᵀ` is kept for the backward pass.
    private func project(
        _ x: Matrix, _ layer: Int, _ kind: ProjectionKind, _ parameters: LowRankParameters?,
        into y: Matrix
    ) {
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
        let shape = model.attention
        let (queries, keys) = (
            shape.heads * shape.dimension, shape.keyValueHeads * shape.dimension
        )
        query = Matrix(kept.query, rows: rows, columns: queries)
        key = Matrix(kept.key, rows: rows, columns: keys)
        value = Matrix(kept.value, rows: rows, columns: keys)
        attended = Matrix(kept.attended, rows: rows, columns: queries)
        logSums = Matrix(kept.logSums, rows: rows, columns: shape.heads)
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
