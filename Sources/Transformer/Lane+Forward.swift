import Kernels
import ModelFiles
import Slices
import Tensors

extension Lane {
    /// Runs all layers over `slice`; the last one's output at the target rows is left in
    /// `finalHidden`.
    func forward(_ slice: PackedSlice, _ parameters: LowRankParameters?) {
        let width = model.configuration.width
        let rows = slice.tokens.count
        model.embed(
            slice.tokens, positions: slice.positions,
            into: Matrix(activations(layer: 0).input, rows: rows, columns: width),
            temporary: Matrix(layerScratch.normalized, rows: rows, columns: width))
        for layer in model.layers.indices {
            let output =
                layer == lastLayer
                ? Matrix(finalHidden, rows: slice.targetRows.count, columns: width)
                : Matrix(activations(layer: layer + 1).input, rows: rows, columns: width)
            forward(layer: layer, slice, parameters, into: output)
        }
    }

    /// Runs one layer.
    ///
    /// - Parameter output: `nil` to compute only what the backward pass needs, from the layer's
    ///   kept input: the same operations on the same numbers, so the same bits.
    func forward(
        layer: Int, _ slice: PackedSlice, _ parameters: LowRankParameters?, into output: Matrix?
    ) {
        let width = model.configuration.width
        let (rows, queries) = (slice.tokens.count, queries(of: layer, slice))
        let kept = activations(layer: layer)
        let pass = LayerPass(
            model: model, parameters: parameters, scratch: scratch, layerScratch: layerScratch,
            lowRankInputs: lowRankInputs)
        let operands = AttentionOperands(kept, model, rows: rows, queries: queries.count)

        let normalized = pass.normalizeInput(layer: layer, kept, rows: rows)
        pass.computeKeysAndValues(layer: layer, normalized, operands, positions: slice.positions)
        pass.computeQueries(
            layer: layer, fusesQueries ? normalized : gathered(normalized, queries),
            rows: queries.rows, operands, positions: queries.positions)
        attend(operands, queries, slice, shape: model.layers[layer].attention)
        let input = Matrix(kept.input, rows: rows, columns: width)
        pass.finish(
            layer: layer, kept, operands, residual: gathered(input, queries), into: output)
    }

    /// Whether queries, keys and values are one projection.
    var fusesQueries: Bool { model.configuration.family.modules[.queryKeyValue] != nil }

    /// What a layer computes beyond keys and values: everywhere or, in the last layer, where a loss
    /// looks.
    func queries(of layer: Int, _ slice: PackedSlice) -> PackedSlice.Queries {
        layer == lastLayer ? slice.targetQueries : slice.allQueries
    }

    /// The rows of `x` with a query: `x` itself or a copy of the target rows, valid until the next.
    func gathered(_ x: Matrix, _ queries: PackedSlice.Queries) -> Matrix {
        guard let rows = queries.rows else { return x }
        let target = Matrix(gatheredRows, rows: rows.count, columns: x.columns)
        model.backend.gather(x, rows: rows, into: target)
        return target
    }
}
