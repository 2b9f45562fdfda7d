import CKernels
public import Tensors

/// The frozen numbers of a norm.
public struct Norm: Sendable {
    /// How a row is normalised.
    public enum Kind: Sendable {
        /// `x · w / √(mean(x²) + ε)` (Zhang & Sennrich 2019, arXiv:1910.07467).
        case rootMeanSquare
        /// `(x − mean(x)) · w / √(variance(x) + ε) + b` (Ba et al. 2016, arXiv:1607.06450).
        case layer
    }

    public let kind: Kind
    /// `[width]`.
    public let weight: FloatBuffer
    /// `[width]`; empty with ``Kind/rootMeanSquare``.
    public let bias: FloatBuffer
    public let epsilon: Float

    public init(kind: Kind, weight: FloatBuffer, bias: FloatBuffer, epsilon: Float) {
        precondition(bias.count == (kind == .layer ? weight.count : 0), "one bias an element")
        self.kind = kind
        self.weight = weight
        self.bias = bias
        self.epsilon = epsilon
    }

    /// Numbers that the backward pass needs of every row.
    public static func statisticsPerRow(_ kind: Kind) -> Int { kind == .layer ? 2 : 1 }
}

extension Backend {
    /// Normalises every row, and keeps what the backward pass needs.
    ///
    /// - Parameters:
    ///   - x: `[tokens, width]`, contiguous.
    ///   - statistics: Written: inverse roots `[tokens]`, then the means of a layer norm `[tokens]`.
    public func normalize(
        _ x: HostMatrix, _ norm: Norm, into y: HostMatrix, statistics: FloatBuffer
    ) {
        check(x, y, norm, statistics)
        switch norm.kind {
        case .rootMeanSquare:
            ck_rms_norm(
                x.pointer, norm.weight.pointer, y.pointer, statistics.pointer, x.rows, x.columns,
                norm.epsilon)
        case .layer:
            ck_layer_norm(
                x.pointer, norm.weight.pointer, norm.bias.pointer, y.pointer,
                statistics.pointer + x.rows, statistics.pointer, x.rows, x.columns, norm.epsilon)
        }
    }

    /// ``normalize(_:_:into:statistics:)`` once more, from the kept statistics.
    public func normalizeAgain(
        _ x: HostMatrix, _ norm: Norm, statistics: FloatBuffer, into y: HostMatrix
    ) {
        check(x, y, norm, statistics)
        switch norm.kind {
        case .rootMeanSquare:
            ck_rms_norm_again(
                x.pointer, norm.weight.pointer, y.pointer, statistics.pointer, x.rows, x.columns)
        case .layer:
            ck_layer_norm_again(
                x.pointer, norm.weight.pointer, norm.bias.pointer, y.pointer,
                statistics.pointer + x.rows, statistics.pointer, x.rows, x.columns)
        }
    }

    /// Adds the gradient with respect to `x` to `dx`.
    ///
    /// With `g = dy ⊙ w`, inverse root `ρ` and unit row `u`: `ρ·(g − u·mean(g⊙u))`, for a layer norm
    /// less `ρ·mean(g)`.
    public func normalizeBack(
        _ dy: HostMatrix, x: HostMatrix, _ norm: Norm, statistics: FloatBuffer, into dx: HostMatrix
    ) {
        check(x, dy, norm, statistics)
        checkSame(x, dx)
        switch norm.kind {
        case .rootMeanSquare:
            ck_rms_norm_backward(
                dy.pointer, x.pointer, norm.weight.pointer, statistics.pointer, dx.pointer, x.rows,
                x.columns)
        case .layer:
            ck_layer_norm_backward(
                dy.pointer, x.pointer, norm.weight.pointer, statistics.pointer + x.rows,
                statistics.pointer,
                dx.pointer, x.rows, x.columns)
        }
    }

    private func check(
        _ a: HostMatrix, _ b: HostMatrix, _ norm: Norm, _ statistics: FloatBuffer
    ) {
        checkSame(a, b)
        precondition(
            statistics.count >= a.rows * Norm.statisticsPerRow(norm.kind),
            "\(statistics.count) statistics of \(a.rows) rows")
        precondition(norm.weight.count == a.columns, "\(norm.weight.count) weights")
    }
}
