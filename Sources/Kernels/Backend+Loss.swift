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
    ///   - targets: One token a row.
    ///   - losses: One negative log-likelihood a row, nats, written.
    ///   - dx: `[rows, width]`, overwritten; `nil` if no gradient is wanted.
    public func crossEntropy(
        _ x: Matrix, head: FrozenMatrix, targets: UnsafeBufferPointer<Int32>,
        losses: UnsafeMutableBufferPointer<Double>, dx: Matrix?, scratch: Scratch
    ) {
        precondition(targets.count == x.rows && losses.count >= x.rows, "one target a row")
        var start = 0
        while start < x.rows {
            let rows = start..<min(start + Self.logitRows, x.rows)
            let logits = Matrix(scratch.logits, rows: rows.count, columns: head.rows)
            project(x.rows(rows), head, into: logits, scratch: scratch)
            for row in rows {
                let target = Int(targets[row])
                precondition(target >= 0 && target < head.rows, "target \(target)")
                losses[row] = ck_cross_entropy(
                    logits.pointer + (row - start) * logits.stride, head.rows, target, dx != nil)
            }
            if let dx {
                projectBack(logits, head, into: dx.rows(rows), adding: false, scratch: scratch)
            }
            start = rows.upperBound
        }
    }
}
