import CKernels
public import Tensors

extension Backend {
    /// Rows of logits that exist at a time. Part of the numerics.
    public static let logitRows = 256

    /// Sum of `−ln softmax(x · Wᵀ)[target]` over rows, and its gradient with respect to `x`.
    ///
    /// Logits exist for ``logitRows`` rows at a time, so the full `[rows, vocabulary]` never does.
    ///
    /// - Parameters:
    ///   - x: `[rows, width]`.
    ///   - head: `[vocabulary, width]`, frozen.
    ///   - bias: `[vocabulary]`, added to the logits; `nil`: none.
    ///   - cap: Logits `x` become `c·tanh(x / c)`; `nil`: they stay.
    ///   - targets: One token a row.
    ///   - losses: One negative log-likelihood a row, nats, written.
    ///   - dx: `[rows, width]`, overwritten; `nil` if no gradient is wanted.
    public func crossEntropy(
        _ x: HostMatrix, head: FrozenWeight, bias: FloatBuffer? = nil, cap: Float? = nil,
        targets: UnsafeBufferPointer<Int32>,
        losses: UnsafeMutableBufferPointer<Double>, dx: HostMatrix?, scratch: Scratch
    ) {
        precondition(targets.count == x.rows && losses.count >= x.rows, "one target a row")
        var start = 0
        while start < x.rows {
            let rows = start..<min(start + Self.logitRows, x.rows)
            let logits = Matrix(scratch.logits, rows: rows.count, columns: head.rows)
            project(x.rows(rows), head, into: logits, scratch: scratch)
            if let bias { add(bias: bias, to: logits) }
            for row in rows {
                let target = Int(targets[row])
                precondition(target >= 0 && target < head.rows, "target \(target)")
                let own = logits.pointer + (row - start) * logits.stride
                let slopes = scratch.slopes.pointer
                if let cap {
                    ck_soft_cap(own, dx == nil ? nil : slopes, 1, head.rows, head.rows, 1, cap)
                }
                losses[row] = ck_cross_entropy(own, head.rows, target, dx != nil)
                if cap != nil && dx != nil { ck_multiply(slopes, own, head.rows) }
            }
            if let dx {
                projectBack(logits, head, into: dx.rows(rows), adding: false, scratch: scratch)
            }
            start = rows.upperBound
        }
    }
}
