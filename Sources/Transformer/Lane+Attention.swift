import Kernels
import Slices
import Tensors

/// Attention of a slice: a run of queries sees the keys of its own segment and of the segments that
/// its samples go through before.
extension Lane {
    /// Gradients of attention's operands; `nil` where nobody asks.
    struct AttentionGradients {
        /// `[queries, heads · d]`.
        let query: Matrix?
        /// `[rows, keyValueHeads · d]`.
        let key: Matrix?
        let value: Matrix?
    }

    /// Fills `operands.attended` and `operands.logSums`.
    func attend(
        _ operands: AttentionOperands, _ queries: PackedSlice.Queries, _ slice: PackedSlice,
        shape: AttentionShape
    ) {
        for run in queries.runs {
            model.backend.attend(
                operands.query.rows(run.queries),
                collected(operands.key, seenBy: run, slice, in: pathScratch.key),
                collected(operands.value, seenBy: run, slice, in: pathScratch.value),
                shape: shape, into: operands.attended.rows(run.queries),
                logSums: operands.logSums.rows(run.queries), past: run.firstPosition,
                scratch: scratch)
        }
    }

    /// The gradients of queries, keys and values after rotation; those into rows that several
    /// samples share are summed in the order of the runs.
    func attendBack(
        _ dAttended: Matrix, _ operands: AttentionOperands, _ queries: PackedSlice.Queries,
        _ slice: PackedSlice, shape: AttentionShape, into gradients: AttentionGradients
    ) {
        gradients.key?.clear()
        gradients.value?.clear()
        for run in queries.runs {
            let dKey = gradients.key.map {
                sumStart($0, seenBy: run, slice, in: pathScratch.keyGradient)
            }
            let dValue = gradients.value.map {
                sumStart($0, seenBy: run, slice, in: pathScratch.valueGradient)
            }
            model.backend.attendBack(
                dAttended.rows(run.queries), q: operands.query.rows(run.queries),
                k: collected(operands.key, seenBy: run, slice, in: pathScratch.key),
                v: collected(operands.value, seenBy: run, slice, in: pathScratch.value),
                out: operands.attended.rows(run.queries),
                logSums: operands.logSums.rows(run.queries), shape: shape,
                dq: gradients.query?.rows(run.queries), dk: dKey, dv: dValue,
                past: run.firstPosition, scratch: scratch)
            if let dKey, let sum = gradients.key { distribute(dKey, seenBy: run, slice, to: sum) }
            if let dValue, let sum = gradients.value {
                distribute(dValue, seenBy: run, slice, to: sum)
            }
        }
    }

    /// The rows of `x` that `run` sees, in the order of positions: a window of `x` where they lie
    /// side by side, else a copy in `buffer`.
    private func collected(
        _ x: Matrix, seenBy run: PackedSlice.QueryRun, _ slice: PackedSlice,
        in buffer: FloatBuffer
    ) -> Matrix {
        if let rows = slice.contiguousRows(seenBy: run) { return x.rows(rows) }
        let path = Matrix(buffer, rows: run.seenPositions, columns: x.columns)
        slice.forEachStretch(seenBy: run) { rows, positions in
            model.backend.copy(x.rows(rows), into: path.rows(positions))
        }
        return path
    }

    /// Where the gradient of what ``collected(_:seenBy:_:in:)`` gives is to be added.
    private func sumStart(
        _ sum: Matrix, seenBy run: PackedSlice.QueryRun, _ slice: PackedSlice,
        in buffer: FloatBuffer
    ) -> Matrix {
        if let rows = slice.contiguousRows(seenBy: run) { return sum.rows(rows) }
        let path = Matrix(buffer, rows: run.seenPositions, columns: sum.columns)
        path.clear()
        return path
    }

    /// Adds the gradient of a path to the rows that it was collected from.
    private func distribute(
        _ path: Matrix, seenBy run: PackedSlice.QueryRun, _ slice: PackedSlice, to sum: Matrix
    ) {
        guard slice.contiguousRows(seenBy: run) == nil else { return }
        slice.forEachStretch(seenBy: run) { rows, positions in
            model.backend.add(path.rows(positions), to: sum.rows(rows))
        }
    }
}
