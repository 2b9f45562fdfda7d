import Kernels
import ModelFiles
import Slices
import Tensors

extension Lane {
    /// From the gradient of the last layer's output in `finalNormalized` down to the lowest adapted
    /// layer, and there no further than its lowest adapted projection. No gradient of a frozen
    /// weight is formed.
    func backward(_ slice: PackedSlice, _ parameters: LowRankParameters) {
        let lowest = parameters.layout.lowestLayer
        let width = model.configuration.width
        for layer in (lowest...lastLayer).reversed() {
            let wants = WantedGradients(
                layer: layer, parameters.layout, continues: layer > lowest)
            let residual =
                layer == lastLayer
                ? Matrix(finalNormalized, rows: slice.targetRows.count, columns: width)
                : Matrix(layerScratch.residual, rows: slice.tokens.count, columns: width)
            // What the last layer has computed is still there.
            if recomputes && layer < lastLayer {
                forward(layer: layer, slice, parameters, into: nil)
            }
            backwardFeedForward(layer: layer, residual, parameters, wants)
            backwardAttention(layer: layer, slice, residual, parameters, wants)
        }
    }

    /// `dm = dOutput + norm'(Gᵀ·dg + Uᵀ·du)`, in place in `residual`.
    private func backwardFeedForward(
        layer: Int, _ residual: Matrix, _ parameters: LowRankParameters, _ wants: WantedGradients
    ) {
        let (shape, backend) = (model.configuration, model.backend)
        let (weights, kept) = (model.layers[layer], activations(layer: layer))
        let rows = residual.rows
        let middle = Matrix(kept.middle, rows: rows, columns: shape.width)
        let normalized = Matrix(layerScratch.normalized, rows: rows, columns: shape.width)
        let dNormalized =
            wants.middle
            ? Matrix(layerScratch.normalizedGradient, rows: rows, columns: shape.width) : nil
        let gate = Matrix(kept.gate, rows: rows, columns: shape.feedForwardWidth)
        let up = Matrix(kept.up, rows: rows, columns: shape.feedForwardWidth)
        let activated = Matrix(layerScratch.activated, rows: rows, columns: shape.feedForwardWidth)

        if parameters.layout.pair(layer: layer, projection: .down) != nil {
            backend.gatedActivation(gate: gate, up: up, into: activated)
            projectBack(residual, x: activated, layer, .down, parameters, into: nil)
        }
        guard wants.activated else { return }
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
        guard let dNormalized else { return }
        backend.normalizeBack(
            dNormalized, x: middle, weight: weights.postAttentionNorm,
            inverseRoots: kept.middleInverseRoots.pointer, into: residual)
    }

    /// `dx = dm + norm'(Qᵀ·dq + Kᵀ·dk + Vᵀ·dv)`, left in `layerScratch.residual`.
    ///
    /// - Parameter residual: `dm`, at the rows with a query.
    private func backwardAttention(
        layer: Int, _ slice: PackedSlice, _ residual: Matrix, _ parameters: LowRankParameters,
        _ wants: WantedGradients
    ) {
        guard wants.middle else { return }
        let (shape, backend) = (model.configuration, model.backend)
        let (weights, kept) = (model.layers[layer], activations(layer: layer))
        let (rows, queries) = (slice.tokens.count, queries(of: layer, slice))
        let operands = AttentionOperands(kept, model, rows: rows, queries: queries.count)
        let dAttended =
            wants.attended
            ? Matrix(
                layerScratch.attended, rows: queries.count, columns: operands.attended.columns)
            : nil
        projectBack(residual, x: operands.attended, layer, .output, parameters, into: dAttended)
        guard let dAttended else { return }
        let gradients = attentionGradients(dAttended, operands, queries, slice, wants)

        let input = Matrix(kept.input, rows: rows, columns: shape.width)
        let normalized = Matrix(layerScratch.normalized, rows: rows, columns: shape.width)
        let dNormalized =
            wants.input
            ? Matrix(layerScratch.normalizedGradient, rows: rows, columns: shape.width) : nil
        backend.normalizeAgain(
            input, weight: weights.inputNorm, inverseRoots: kept.inputInverseRoots.pointer,
            into: normalized)
        if let dKey = gradients.key {
            projectBack(dKey, x: normalized, layer, .key, parameters, into: dNormalized)
        }
        if let dValue = gradients.value {
            projectBack(
                dValue, x: normalized, layer, .value, parameters, into: dNormalized, adding: true)
        }
        if let dQuery = gradients.query {
            backwardQueries(
                dQuery, layer: layer, queries, normalized, parameters, into: dNormalized)
        }
        guard let dNormalized else { return }
        let dInput = Matrix(layerScratch.residual, rows: rows, columns: shape.width)
        if let targetRows = queries.rows {
            dInput.clear()
            backend.scatterAdd(residual, rows: targetRows, to: dInput)
        }
        backend.normalizeBack(
            dNormalized, x: input, weight: weights.inputNorm,
            inverseRoots: kept.inputInverseRoots.pointer, into: dInput)
    }

    /// Adds `Qᵀ·dq` to `dNormalized`.
    private func backwardQueries(
        _ dQuery: Matrix, layer: Int, _ queries: PackedSlice.Queries, _ normalized: Matrix,
        _ parameters: LowRankParameters, into dNormalized: Matrix?
    ) {
        guard let targetRows = queries.rows else {
            projectBack(
                dQuery, x: normalized, layer, .query, parameters, into: dNormalized, adding: true)
            return
        }
        let dGathered = dNormalized.map {
            Matrix(finalGradient, rows: queries.count, columns: $0.columns)
        }
        projectBack(
            dQuery, x: gathered(normalized, queries), layer, .query, parameters, into: dGathered)
        if let dGathered, let dNormalized {
            model.backend.scatterAdd(dGathered, rows: targetRows, to: dNormalized)
        }
    }

    /// Gradients of attention's operands before rotation.
    private func attentionGradients(
        _ dAttended: Matrix, _ operands: AttentionOperands, _ queries: PackedSlice.Queries,
        _ slice: PackedSlice, _ wants: WantedGradients
    ) -> AttentionGradients {
        func gradient(_ buffer: FloatBuffer, of operand: Matrix, _ isWanted: Bool) -> Matrix? {
            isWanted ? Matrix(buffer, rows: operand.rows, columns: operand.columns) : nil
        }
        let gradients = AttentionGradients(
            query: gradient(layerScratch.query, of: operands.query, wants.query),
            key: gradient(layerScratch.key, of: operands.key, wants.key),
            value: gradient(layerScratch.value, of: operands.value, wants.value))
        attendBack(dAttended, operands, queries, slice, into: gradients)
        rotateBack(gradients.query, heads: model.attention.heads, queries.positions)
        rotateBack(gradients.key, heads: model.attention.keyValueHeads, slice.positions)
        return gradients
    }

    private func rotateBack(_ gradient: Matrix?, heads: Int, _ positions: [Int32]) {
        guard let gradient else { return }
        positions.withUnsafeBufferPointer { positions in
            guard let positions = positions.baseAddress else { return }
            model.backend.rotate(
                gradient, heads: heads, positions: positions, table: model.rotaryTable,
                inverse: true)
        }
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
            let back = lowRankGradient(rows: dy.rows)
            backend.multiply(
                dy, layout.b(pair, in: parameters.buffer), into: back, alpha: layout.scale)
            backend.multiply(
                dy, transposeA: true, lowRank, into: layout.b(pair, in: gradient),
                alpha: layout.scale)
            backend.multiply(back, transposeA: true, x, into: layout.a(pair, in: gradient))
        }
        if let dx { addInputGradient(dy, layer, kind, parameters, into: dx, adding: adding) }
    }

    /// `dx = dy·W₀ + (s · dy·B)·A`, or added to `dx`. If the projection is adapted, `projectBack`
    /// has just formed `s · dy·B`.
    private func addInputGradient(
        _ dy: Matrix, _ layer: Int, _ kind: ProjectionKind, _ parameters: LowRankParameters,
        into dx: Matrix, adding: Bool
    ) {
        let (backend, layout) = (model.backend, parameters.layout)
        backend.projectBack(
            dy, model.layers[layer][kind], into: dx, adding: adding, scratch: scratch)
        guard let (_, pair) = layout.pair(layer: layer, projection: kind) else { return }
        backend.multiply(
            lowRankGradient(rows: dy.rows), layout.a(pair, in: parameters.buffer), into: dx,
            beta: 1)
    }

    /// Where `s · dy · B` of a projection goes, `[rows, rank]`.
    private func lowRankGradient(rows: Int) -> Matrix {
        Matrix(layerScratch.lowRank, rows: rows, columns: layout?.adapterRank ?? 0)
    }
}

/// Which gradients a layer must form: those that an adapted projection, in it or below it, needs.
private struct WantedGradients {
    /// Of the layer's input.
    let input: Bool
    let query: Bool
    let key: Bool
    let value: Bool
    let attended: Bool
    /// Of the residual stream between attention and feed-forward.
    let middle: Bool
    /// Of `silu(gate) ⊙ up`.
    let activated: Bool

    /// - Parameter continues: Whether a lower layer is adapted.
    init(layer: Int, _ layout: LowRankLayout, continues: Bool) {
        func isAdapted(_ kind: ProjectionKind) -> Bool {
            layout.pair(layer: layer, projection: kind) != nil
        }
        input = continues
        query = continues || isAdapted(.query)
        key = continues || isAdapted(.key)
        value = continues || isAdapted(.value)
        attended = query || key || value
        middle = attended || isAdapted(.output)
        activated = middle || isAdapted(.gate) || isAdapted(.up)
    }
}
