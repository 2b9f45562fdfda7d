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
        let pass = LayerPass(
            model: model, parameters: parameters, scratch: scratch, layerScratch: layerScratch,
            lowRankInputs: lowRankInputs)
        for layer in model.layers.indices {
            let kept = activations(layer: layer)
            let next =
                layer + 1 < model.layers.count ? activations(layer: layer + 1).input : finalHidden
            let operands = AttentionOperands(kept, model, rows: rows)
            pass.run(
                layer: layer, kept, operands, positions: slice.positions,
                into: Matrix(next, rows: rows, columns: width)
            ) {
                attend(operands, slice)
            }
        }
    }

    /// Attention of every segment over itself.
    private func attend(_ operands: AttentionOperands, _ slice: PackedSlice) {
        for segment in slice.segments {
            let own = operands.rows(segment.rows)
            model.backend.attend(
                own.query, own.key, own.value, shape: model.attention, into: own.attended,
                logSums: own.logSums, scratch: scratch)
        }
    }
}
