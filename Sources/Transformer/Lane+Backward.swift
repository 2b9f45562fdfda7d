import Kernels
import ModelFiles
import Slices
import Tensors

extension Lane {
    /// From the last layer's output gradient in `layerScratch.residual` down to the lowest adapted
    /// layer. No gradient of a frozen weight is formed.
    func backward(_ slice: PackedSlice, _ parameters: LowRankParameters) {
        let lowest = parameters.layout.lowestLayer
        for layer in (lowest..<model.layers.count).reversed() {
            backwardFeedForward(layer: layer, slice, parameters)
            backwardAttention(layer: layer, slice, parameters, continues: layer > lowest)
        }
    }

    /// `dm = dOutput + norm'(Gᵀ·dg + Uᵀ·du)`, in place in `layerScratch.residual`.
    private func backwardFeedForward(
        layer: Int, _ slice: PackedSlice, _ parameters: LowRankParameters
    ) {
        let (shape, backend) = (model.configuration, model.backend)
        let (weights, kept) = (model.layers[layer], activations(layer: layer))
        let rows = slice.tokens.count
        let residual = Matrix(layerScratch.residual, rows: rows, columns: shape.width)
        let middle = Matrix(kept.middle, rows: rows, columns: shape.width)
        let normalized = Matrix(layerScratch.normalized, rows: rows, columns: shape.width)
        let dNormalized = Matrix(layerScratch.normalizedGradient, rows: rows, columns: shape.width)
        let gate = Matrix(kept.gate, rows: rows, columns: shape.feedForwardWidth)
        let up = Matrix(kept.up, rows: rows, columns: shape.feedForwardWidth)
        let activated = Matrix(layerScratch.activated, rows: rows, columns: shape.feedForwardWidth)

        if parameters.layout.pair(layer: layer, projection: .down) != nil {
            backend.gatedActivation(gate: gate, up: up, into: activated)
            projectBack(residual, x: activated, layer, .down, parameters, into: nil)
        }
        // The activation is spent: its buffer takes its gradient.
        addInputGradient(residual, layer, .down, parameters, into: activated, adding: false)
        backend.gatedActivationBack(activated, gate: gate, up: up)
        if parameters.layout.pair(layer: layer, projection: .gate) != nil
            || parameters.layout.pair(layer: layer, projection: .up) != nil
        {
            backend.normalizeAgain(
                middle, weight: weights.postAttentionNorm,
                inverseRoots: kept.middleInverseRoots.pointer, into: normalized)
        }
        projectBack(gate, x: normalized, layer, .gate, parameters, into: dNormalized)
        projectBack(up, x: normalized, layer, .up, parameters, into: dNormalized, adding: true)
        backend.normalizeBack(
            dNormalized, x: middle, weight: weights.postAttentionNorm,
            inverseRoots: kept.middleInverseRoots.pointer, into: residual)
    }

    /// `dx = dm + norm'(Qᵀ·dq + Kᵀ·dk + Vᵀ·dv)`, in place in `layerScratch.residual`.
    ///
    /// - Parameter continues: Whether a lower layer is adapted; else only A and B get gradients.
    private func backwardAttention(
        layer: Int, _ slice: PackedSlice, _ parameters: LowRankParameters, continues: Bool
    ) {
        let (shape, backend) = (model.configuration, model.backend)
        let (weights, kept) = (model.layers[layer], activations(layer: layer))
        let rows = slice.tokens.count
        let residual = Matrix(layerScratch.residual, rows: rows, columns: shape.width)
        let input = Matrix(kept.input, rows: rows, columns: shape.width)
        let normalized = Matrix(layerScratch.normalized, rows: rows, columns: shape.width)
        let operands = AttentionOperands(kept, model, rows: rows)
        let dNormalized =
            continues
            ? Matrix(layerScratch.normalizedGradient, rows: rows, columns: shape.width) : nil

        let dAttended = Matrix(
            layerScratch.attended, rows: rows, columns: operands.attended.columns)
        projectBack(residual, x: operands.attended, layer, .output, parameters, into: dAttended)
        let (dQuery, dKey, dValue) = attendBack(dAttended, operands, slice)
        backend.normalizeAgain(
            input, weight: weights.inputNorm, inverseRoots: kept.inputInverseRoots.pointer,
            into: normalized)
        projectBack(dQuery, x: normalized, layer, .query, parameters, into: dNormalized)
        projectBack(dKey, x: normalized, layer, .key, parameters, into: dNormalized, adding: true)
        projectBack(
            dValue, x: normalized, layer, .value, parameters, into: dNormalized, adding: true)
        if let dNormalized {
            backend.normalizeBack(
                dNormalized, x: input, weight: weights.inputNorm,
                inverseRoots: kept.inputInverseRoots.pointer, into: residual)
        }
    }

    /// Gradients of attention's operands before rotation.
    private func attendBack(
        _ dAttended: Matrix, _ operands: AttentionOperands, _ slice: PackedSlice
    ) -> (query: Matrix, key: Matrix, value: Matrix) {
        let backend = model.backend
        let rows = dAttended.rows
        let dQuery = Matrix(layerScratch.query, rows: rows, columns: operands.query.columns)
        let dKey = Matrix(layerScratch.key, rows: rows, columns: operands.key.columns)
        let dValue = Matrix(layerScratch.value, rows: rows, columns: operands.value.columns)
        for segment in slice.segments {
            let own = operands.rows(segment.rows)
            backend.attendBack(
                dAttended.rows(segment.rows), q: own.query, k: own.key, v: own.value,
                out: own.attended, logSums: own.logSums, shape: model.attention,
                dq: dQuery.rows(segment.rows), dk: dKey.rows(segment.rows),
                dv: dValue.rows(segment.rows), scratch: scratch)
        }
        slice.positions.withUnsafeBufferPointer { positions in
            guard let positions = positions.baseAddress else { return }
            backend.rotate(
                dQuery, heads: model.attention.heads, positions: positions,
                table: model.rotaryTable, inverse: true)
            backend.rotate(
                dKey, heads: model.attention.keyValueHeads, positions: positions,
                table: model.rotaryTable, inverse: true)
        }
        return (dQuery, dKey, dValue)
    }

    /// Gradients of one projection `y = x·W₀ᵀ + s·(x·Aᵀ)·Bᵀ`, given `dy`.
    ///
    ///     dB = s · dyᵀ · (x·Aᵀ)      dA = (s · dy·B)ᵀ · x      dx = dy·W₀ + (s · dy·B)·A
    ///
    /// - Parameters:
    ///   - dx: Overwritten or, with `adding`, added to; `nil` if nobody asks for it.
    /// - Source: Hu et al. 2021, arXiv:2106.09685, equation 3.
    private func projectBack(
        _ dy: Matrix, x: Matrix, _ layer: Int, _ kind: ProjectionKind,
        _ parameters: LowRankParameters, into dx: Matrix?, adding: Bool = false
    ) {
        let (backend, layout) = (model.backend, parameters.layout)
        if let (index, pair) = layout.pair(layer: layer, projection: kind) {
            let lowRank = Matrix(lowRankInputs[index], rows: dy.rows, columns: layout.adapterRank)
            let back = lowRankGradient(dy, pair, parameters)
            backend.multiply(
                dy, transposeA: true, lowRank, into: layout.b(pair, in: gradient),
                alpha: layout.scale)
            backend.multiply(back, transposeA: true, x, into: layout.a(pair, in: gradient))
        }
        if let dx { addInputGradient(dy, layer, kind, parameters, into: dx, adding: adding) }
    }

    /// `dx = dy·W₀ + (s · dy·B)·A`, or added to `dx`.
    private func addInputGradient(
        _ dy: Matrix, _ layer: Int, _ kind: ProjectionKind, _ parameters: LowRankParameters,
        into dx: Matrix, adding: Bool
    ) {
        let (backend, layout) = (model.backend, parameters.layout)
        backend.projectBack(
            dy, model.layers[layer][kind], into: dx, adding: adding, scratch: scratch)
        guard let (_, pair) = layout.pair(layer: layer, projection: kind) else { return }
        backend.multiply(
            lowRankGradient(dy, pair, parameters), layout.a(pair, in: parameters.buffer), into: dx,
            beta: 1)
    }

    /// `s · dy · B`, `[tokens, rank]`.
    private func lowRankGradient(
        _ dy: Matrix, _ pair: LowRankLayout.Pair, _ parameters: LowRankParameters
    ) -> Matrix {
        let layout = parameters.layout
        let back = Matrix(layerScratch.lowRank, rows: dy.rows, columns: layout.adapterRank)
        model.backend.multiply(
            dy, layout.b(pair, in: parameters.buffer), into: back, alpha: layout.scale)
        return back
    }
}
