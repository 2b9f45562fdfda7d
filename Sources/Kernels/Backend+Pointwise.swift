import CKernels
public import Tensors

extension Backend {
    /// `y = x · w / √(mean(x²) + ε)` row by row; the inverse roots are kept for the backward pass.
    ///
    /// - Parameters:
    ///   - x: `[tokens, width]`, contiguous.
    ///   - weight: `[width]`.
    ///   - inverseRoots: `[tokens]`, written.
    /// - Source: Zhang & Sennrich 2019, arXiv:1910.07467.
    public func normalize(
        _ x: Matrix, weight: FloatBuffer, epsilon: Float, into y: Matrix,
        inverseRoots: UnsafeMutablePointer<Float>
    ) {
        checkSame(x, y, weight)
        ck_rms_norm(
            x.pointer, weight.pointer, y.pointer, inverseRoots, x.rows, x.columns, epsilon)
    }

    /// ``normalize(_:weight:epsilon:into:inverseRoots:)`` once more, from the kept inverse roots.
    public func normalizeAgain(
        _ x: Matrix, weight: FloatBuffer, inverseRoots: UnsafePointer<Float>, into y: Matrix
    ) {
        checkSame(x, y, weight)
        ck_rms_norm_again(x.pointer, weight.pointer, y.pointer, inverseRoots, x.rows, x.columns)
    }

    /// `dx += ρ·(dy⊙w − x·ρ²·mean(dy⊙w⊙x))` with the inverse root `ρ` of the row.
    public func normalizeBack(
        _ dy: Matrix, x: Matrix, weight: FloatBuffer, inverseRoots: UnsafePointer<Float>,
        into dx: Matrix
    ) {
        checkSame(x, dy, weight)
        checkSame(x, dx, weight)
        ck_rms_norm_backward(
            dy.pointer, x.pointer, weight.pointer, inverseRoots, dx.pointer, x.rows, x.columns)
    }

    /// Rotates the halves of every head by the token's position; backwards with `inverse`.
    ///
    /// - Parameters:
    ///   - x: `[tokens, heads · dimension]`, in place.
    ///   - positions: One a token.
    public func rotate(
        _ x: Matrix, heads: Int, positions: UnsafePointer<Int32>, table: RotaryTable,
        inverse: Bool = false
    ) {
        precondition(x.columns == heads * table.dimension, "heads · dimension")
        ck_rotary(
            x.pointer, x.rows, x.stride, heads, table.dimension, positions, table.cosine.pointer,
            table.sine.pointer, inverse ? -1 : 1)
    }

    /// `y = silu(gate) ⊙ up`, `silu(g) = g / (1 + e⁻ᵍ)`.
    ///
    /// - Source: Shazeer 2020, arXiv:2002.05202.
    public func gatedActivation(gate: Matrix, up: Matrix, into y: Matrix) {
        checkSame(gate, up)
        checkSame(gate, y)
        ck_swiglu(gate.pointer, up.pointer, y.pointer, gate.rows * gate.columns)
    }

    /// Overwrites `gate` and `up` by the gradients with respect to them.
    public func gatedActivationBack(_ dy: Matrix, gate: Matrix, up: Matrix) {
        checkSame(gate, up)
        checkSame(gate, dy)
        ck_swiglu_backward(dy.pointer, gate.pointer, up.pointer, gate.rows * gate.columns)
    }

    /// `y += x`.
    public func add(_ x: Matrix, to y: Matrix) {
        checkSame(x, y)
        ck_add(x.pointer, y.pointer, x.rows * x.columns)
    }

    /// `y[i] = x[rows[i]]`.
    public func gather(_ x: Matrix, rows: [Int32], into y: Matrix) {
        precondition(y.rows == rows.count && y.columns == x.columns, "one row an index")
        for (index, row) in rows.enumerated() {
            precondition(row >= 0 && Int(row) < x.rows, "row \(row) of \(x.rows)")
            (y.pointer + index * y.stride).update(
                from: x.pointer + Int(row) * x.stride, count: x.columns)
        }
    }

    /// `y[rows[i]] += x[i]`, in order of `i`; a row may be named several times.
    public func scatterAdd(_ x: Matrix, rows: [Int32], to y: Matrix) {
        precondition(
            x.rows == rows.count && y.columns == x.columns && x.stride == x.columns,
            "one row an index")
        for (index, row) in rows.enumerated() {
            precondition(row >= 0 && Int(row) < y.rows, "row \(row) of \(y.rows)")
            ck_add(x.pointer + index * x.stride, y.pointer + Int(row) * y.stride, x.columns)
        }
    }

    /// `y = x`.
    public func copy(_ x: Matrix, into y: Matrix) {
        checkSame(x, y)
        y.pointer.update(from: x.pointer, count: x.rows * x.columns)
    }

    private func checkSame(_ a: Matrix, _ b: Matrix, _ weight: FloatBuffer? = nil) {
        precondition(
            a.rows == b.rows && a.columns == b.columns && a.stride == a.columns
                && b.stride == b.columns && weight.map { $0.count == a.columns } ?? true,
            "[\(a.rows), \(a.columns)] against [\(b.rows), \(b.columns)]")
    }
}

/// Cosines and sines of all positions of a run: `[positions, dimension / 2]` each.
public struct RotaryTable: Sendable {
    public let dimension: Int
    public let positions: Int
    let cosine: FloatBuffer
    let sine: FloatBuffer

    /// - Parameter inverseWavelengths: Radians a position, one for each rotated pair.
    /// - Note: The angle is rounded to float32 before its cosine is taken, as transformers does.
    public init(inverseWavelengths: [Float], positions: Int) {
        dimension = 2 * inverseWavelengths.count
        self.positions = positions
        cosine = FloatBuffer(count: positions * inverseWavelengths.count)
        sine = FloatBuffer(count: positions * inverseWavelengths.count)
        for position in 0..<positions {
            for (pair, frequency) in inverseWavelengths.enumerated() {
                let index = position * inverseWavelengths.count + pair
                var c = 0.0
                var s = 0.0
                ck_cosine_sine(Double(Float(position) * frequency), &c, &s)
                cosine.pointer[index] = Float(c)
                sine.pointer[index] = Float(s)
            }
        }
    }
}

/// Elementary functions with the same bits on every processor.
public enum Elementary {
    /// `eˣ`, relative error below 10⁻¹⁴.
    public static func exp(_ x: Double) -> Double { ck_exp(x) }
    /// `ln x`, relative error below 10⁻¹⁴.
    public static func log(_ x: Double) -> Double { ck_log(x) }
    /// `cos x` for `0 ≤ x < 2²⁷`.
    public static func cos(_ x: Double) -> Double {
        var cosine = 0.0
        var sine = 0.0
        ck_cosine_sine(x, &cosine, &sine)
        return cosine
    }
}
