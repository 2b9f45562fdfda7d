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
                layer: layer, parameters.layout, continues: layer > lowest,
                isParallel: model.configuration.parallelResidual)
            let residual =
                layer == lastLayer
                ? Matrix(finalNormalized, rows: slice.targetRows.count, columns: width)
                : Matrix(layerScratch.residual, rows: slice.tokens.count, columns: width)
            // What the last layer has computed is still there.
            if recomputes && layer < lastLayer {
                forward(layer: layer, slice, parameters, into: nil)
            }
            backward(layer: layer, slice, residual, parameters, wants)
        }
    }

    /// Both blocks of a layer; in parallel, attention must see the gradient of the layer's output
    /// before the feed-forward block adds its part.
    private func backward(
        layer: Int, _ slice: PackedSlice, _ residual: Matrix, _ parameters: LowRankParameters,
        _ wants: WantedGradients
    ) {
        guard model.configuration.parallelResidual else {
            backwardFeedForward(layer: layer, slice, residual, parameters, wants)
            let dAttended = backwardOutput(layer: layer, residual, parameters, wants)
            backwardAttention(layer: layer, slice, residual, dAttended, parameters, wants)
            return
        }
        let dAttended = backwardOutput(layer: layer, residual, parameters, wants)
        backwardFeedForward(layer: layer, slice, residual, parameters, wants)
        backwardAttention(layer: layer, slice, residual, dAttended, parameters, wants)
    }

    /// Adds `norm'(Gᵀ·dg + Uᵀ·du)` to `residual`, the gradient of the layer's output.
    private func backwardFeedForward(
        layer: Int, _ slice: PackedSlice, _ residual: Matrix, _ parameters: LowRankParameters,
        _ wants: WantedGradients
    ) {
        let (shape, backend) = (model.configuration, model.backend)
        let (weights, kept) = (model.layers[layer], activations(layer: layer))
        let (layout, rows) = (parameters.layout, residual.rows)
        let dBlock = blockGradient(
            residual, weights.afterFeedForwardNorm, output: kept.feedForwardOutput,
            kept.afterFeedForwardStatistics)
        let hidden = FeedForwardOperands(kept, shape, rows: rows)
        let activated = Matrix(layerScratch.activated, rows: rows, columns: shape.feedForwardWidth)

        if layout.pair(layer: layer, projection: .down) != nil {
            backend.activate(
                shape.kernelActivation, hidden.activated, factor: hidden.factor, into: activated)
            projectBack(dBlock, x: activated, layer, .down, parameters, into: nil)
        }
        guard wants.activated else { return }
        // The activation is spent: its buffer takes its gradient.
        addInputGradient(dBlock, layer, .down, parameters, into: activated, adding: false)
        backend.activateBack(
            shape.kernelActivation, activated, x: hidden.activated, factor: hidden.factor)
        let input =
            shape.parallelResidual
            ? gathered(
                Matrix(kept.input, rows: slice.tokens.count, columns: shape.width),
                queries(of: layer, slice))
            : Matrix(kept.middle, rows: rows, columns: shape.width)
        let normalized = Matrix(layerScratch.normalized, rows: rows, columns: shape.width)
        if wants.activationInput {
            backend.normalizeAgain(
                input, weights.feedForwardNorm, statistics: kept.feedForwardStatistics.pointer,
                into: normalized)
        }
        let dNormalized =
            wants.feedForwardInput
            ? Matrix(layerScratch.normalizedGradient, rows: rows, columns: shape.width) : nil
        leaveFeedForward(layer: layer, hidden, x: normalized, parameters, into: dNormalized)
        guard let dNormalized else { return }
        backend.normalizeBack(
            dNormalized, x: input, weights.feedForwardNorm,
            statistics: kept.feedForwardStatistics.pointer, into: residual)
    }

    /// Gradients of the projections before the activation.
    ///
    /// - Parameter hidden: Gradients of what the projections yielded.
    private func leaveFeedForward(
        layer: Int, _ hidden: FeedForwardOperands, x: Matrix, _ parameters: LowRankParameters,
        into dx: Matrix?
    ) {
        let (shape, backend) = (model.configuration, model.backend)
        if shape.family.modules[.gateUp] != nil, let gate = hidden.gate {
            let fused = Matrix(
                layerScratch.fused, rows: x.rows, columns: shape.size(of: .gateUp).outputs)
            backend.join(gate, shape.fusedColumns(of: .gate), into: fused)
            backend.join(hidden.up, shape.fusedColumns(of: .up), into: fused)
            projectBack(fused, x: x, layer, .gateUp, parameters, into: dx)
            return
        }
        if let gate = hidden.gate { projectBack(gate, x: x, layer, .gate, parameters, into: dx) }
        projectBack(
            hidden.up, x: x, layer, .up, parameters, into: dx, adding: hidden.gate != nil)
    }

    /// The gradient of what attention yields; `nil` if nobody asks.
    ///
    /// - Parameter residual: The gradient of the residual stream that attention was added to.
    private func backwardOutput(
        layer: Int, _ residual: Matrix, _ parameters: LowRankParameters, _ wants: WantedGradients
    ) -> Matrix? {
        guard wants.attention else { return nil }
        let kept = activations(layer: layer)
        let columns = model.attention.heads * model.attention.dimension
        let attended = Matrix(kept.attended, rows: residual.rows, columns: columns)
        let dAttended =
            wants.attended
            ? Matrix(layerScratch.attended, rows: residual.rows, columns: columns) : nil
        let dBlock = blockGradient(
            residual, model.layers[layer].afterAttentionNorm, output: kept.attentionOutput,
            kept.afterAttentionStatistics)
        projectBack(dBlock, x: attended, layer, .output, parameters, into: dAttended)
        return dAttended
    }

    /// The gradient of a block's output, given that of the residual stream it was added to.
    private func blockGradient(
        _ residual: Matrix, _ norm: Norm?, output: FloatBuffer, _ statistics: FloatBuffer
    ) -> Matrix {
        guard let norm else { return residual }
        let dBlock = Matrix(
            layerScratch.blockOutput, rows: residual.rows, columns: residual.columns)
        dBlock.clear()
        model.backend.normalizeBack(
            residual, x: Matrix(output, rows: residual.rows, columns: residual.columns), norm,
            statistics: statistics.pointer, into: dBlock)
        return dBlock
    }

    /// `dx = dm + norm'(Qᵀ·dq + Kᵀ·dk + Vᵀ·dv)`, left in `layerScratch.residual`.
    ///
    /// - Parameter residual: `dm`, at the rows with a query.
    private func backwardAttention(
        layer: Int, _ slice: PackedSlice, _ residual: Matrix, _ dAttended: Matrix?,
        _ parameters: LowRankParameters, _ wants: WantedGradients
    ) {
        guard let dAttended else { return }
        let (shape, backend) = (model.configuration, model.backend)
        let (weights, kept) = (model.layers[layer], activations(layer: layer))
        let (rows, queries) = (slice.tokens.count, queries(of: layer, slice))
        let operands = AttentionOperands(kept, model, rows: rows, queries: queries.count)
        let gradients = attentionGradients(
            dAttended, layer: layer, operands, queries, slice, wants)

        let input = Matrix(kept.input, rows: rows, columns: shape.width)
        let normalized = Matrix(layerScratch.normalized, rows: rows, columns: shape.width)
        let dNormalized =
            wants.input
            ? Matrix(layerScratch.normalizedGradient, rows: rows, columns: shape.width) : nil
        backend.normalizeAgain(
            input, weights.inputNorm, statistics: kept.inputStatistics.pointer, into: normalized)
        if fusesQueries {
            leaveFusedAttention(
                layer: layer, gradients, queries, x: normalized, parameters, into: dNormalized)
        } else {
            leaveAttention(
                layer: layer, gradients, queries, x: normalized, parameters, into: dNormalized)
        }
        guard let dNormalized else { return }
        let dInput = Matrix(layerScratch.residual, rows: rows, columns: shape.width)
        if let targetRows = queries.rows {
            dInput.clear()
            backend.scatterAdd(residual, rows: targetRows, to: dInput)
        }
        backend.normalizeBack(
            dNormalized, x: input, weights.inputNorm, statistics: kept.inputStatistics.pointer,
            into: dInput)
    }

    /// Gradients of the projections before attention.
    private func leaveAttention(
        layer: Int, _ gradients: AttentionGradients, _ queries: PackedSlice.Queries,
        x normalized: Matrix, _ parameters: LowRankParameters, into dNormalized: Matrix?
    ) {
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
    }

    /// The same where they are one projection, whose gradient has all rows.
    private func leaveFusedAttention(
        layer: Int, _ gradients: AttentionGradients, _ queries: PackedSlice.Queries,
        x normalized: Matrix, _ parameters: LowRankParameters, into dNormalized: Matrix?
    ) {
        guard var dQuery = gradients.query, let dKey = gradients.key, let dValue = gradients.value
        else { return }
        let (shape, backend) = (model.configuration, model.backend)
        if let targetRows = queries.rows {
            let all = Matrix(
                layerScratch.fusedQuery, rows: normalized.rows, columns: dQuery.columns)
            all.clear()
            backend.scatterAdd(dQuery, rows: targetRows, to: all)
            dQuery = all
        }
        let fused = Matrix(
            layerScratch.fused, rows: normalized.rows,
            columns: shape.size(of: .queryKeyValue).outputs)
        backend.join(dQuery, shape.fusedColumns(of: .query), into: fused)
        backend.join(dKey, shape.fusedColumns(of: .key), into: fused)
        backend.join(dValue, shape.fusedColumns(of: .value), into: fused)
        projectBack(fused, x: normalized, layer, .queryKeyValue, parameters, into: dNormalized)
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

    /// Gradients of attention's operands before rotation, and before heads were normalised.
    private func attentionGradients(
        _ dAttended: Matrix, layer: Int, _ operands: AttentionOperands,
        _ queries: PackedSlice.Queries, _ slice: PackedSlice, _ wants: WantedGradients
    ) -> AttentionGradients {
        func gradient(_ buffer: FloatBuffer, of operand: Matrix, _ isWanted: Bool) -> Matrix? {
            isWanted ? Matrix(buffer, rows: operand.rows, columns: operand.columns) : nil
        }
        let weights = model.layers[layer]
        let gradients = AttentionGradients(
            query: gradient(layerScratch.query, of: operands.query, wants.query),
            key: gradient(layerScratch.key, of: operands.key, wants.key),
            value: gradient(layerScratch.value, of: operands.value, wants.value))
        attendBack(
            dAttended, operands, queries, slice, shape: weights.attention, into: gradients)
        let (heads, keyHeads) = (model.attention.heads, model.attention.keyValueHeads)
        rotateBack(gradients.query, weights.rotaryTable, heads: heads, queries.positions)
        rotateBack(gradients.key, weights.rotaryTable, heads: keyHeads, slice.positions)
        normalizeHeadsBack(
            gradients.query, x: operands.plainQuery, weights.queryNorm, operands.queryStatistics)
        normalizeHeadsBack(
            gradients.key, x: operands.plainKey, weights.keyNorm, operands.keyStatistics)
        return gradients
    }

    private func rotateBack(
        _ gradient: Matrix?, _ table: RotaryTable?, heads: Int, _ positions: [Int32]
    ) {
        guard let gradient, let table else { return }
        positions.withUnsafeBufferPointer { positions in
            guard let positions = positions.baseAddress else { return }
            model.backend.rotate(
                gradient, heads: heads, positions: positions, table: table, inverse: true)
        }
    }

    /// Replaces the gradient of normalised heads by that of the heads before.
    private func normalizeHeadsBack(
        _ gradient: Matrix?, x: Matrix?, _ norm: Norm?, _ statistics: FloatBuffer
    ) {
        guard let gradient, let x, let norm else { return }
        let dimension = model.attention.dimension
        let plain = Matrix(layerScratch.plainHeads, rows: x.rows, columns: x.columns)
        plain.clear()
        model.backend.normalizeBack(
            gradient.heads(of: dimension), x: x.heads(of: dimension), norm,
            statistics: statistics.pointer, into: plain.heads(of: dimension))
        model.backend.copy(plain, into: gradient)
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
    /// Of what attention adds to the residual stream.
    let attention: Bool
    /// Of what enters the feed-forward block.
    let feedForwardInput: Bool
    /// Of what enters the down projection.
    let activated: Bool
    /// Whether a projection before the activation is adapted, which needs its input again.
    let activationInput: Bool

    /// - Parameters:
    ///   - continues: Whether a lower layer is adapted.
    ///   - isParallel: Whether the feed-forward block reads the layer's input.
    init(layer: Int, _ layout: LowRankLayout, continues: Bool, isParallel: Bool) {
        func isAdapted(_ kind: ProjectionKind) -> Bool {
            layout.pair(layer: layer, projection: kind) != nil
        }
        let all = continues || isAdapted(.queryKeyValue)
        input = continues
        query = all || isAdapted(.query)
        key = all || isAdapted(.key)
        value = all || isAdapted(.value)
        attended = query || key || value
        attention = attended || isAdapted(.output)
        feedForwardInput = isParallel ? continues : attention
        activationInput = isAdapted(.gate) || isAdapted(.up) || isAdapted(.gateUp)
        activated = feedForwardInput || activationInput
    }
}
