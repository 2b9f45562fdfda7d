import CKernels
import COpenBLAS
public import Tensors

extension Backend {
    /// `c = alpha · op(a) · op(b) + beta · c`, float32.
    ///
    /// - Parameters:
    ///   - a: `[m, k]`, or `[k, m]` if `transposeA`.
    ///   - b: `[k, n]`, or `[n, k]` if `transposeB`.
    ///   - c: `[m, n]`; with `beta` 0 its old content is ignored, NaN included.
    /// - Precondition: The sizes agree.
    public func multiply(
        _ a: Matrix, transposeA: Bool = false, _ b: Matrix, transposeB: Bool = false,
        into c: Matrix, alpha: Float = 1, beta: Float = 0
    ) {
        let (m, k) = transposeA ? (a.columns, a.rows) : (a.rows, a.columns)
        let (kOfB, n) = transposeB ? (b.columns, b.rows) : (b.rows, b.columns)
        precondition(
            k == kOfB && c.rows == m && c.columns == n,
            "[\(m), \(k)] · [\(kOfB), \(n)] into [\(c.rows), \(c.columns)]")
        multiply(
            a.pointer, a.stride, transposeA, b.pointer, b.stride, transposeB, c.pointer, c.stride,
            m: m, n: n, k: k, alpha: alpha, beta: beta)
    }

    /// The same on bare pointers, with the distance between rows of each operand.
    func multiply(
        _ a: UnsafePointer<Float>, _ aStride: Int, _ transposeA: Bool,
        _ b: UnsafePointer<Float>, _ bStride: Int, _ transposeB: Bool,
        _ c: UnsafeMutablePointer<Float>, _ cStride: Int,
        m: Int, n: Int, k: Int, alpha: Float, beta: Float
    ) {
        guard m > 0, n > 0 else { return }
        blas.multiply(
            Int32(cblas_row_major),
            Int32((transposeA ? cblas_transpose : cblas_no_transpose)),
            Int32((transposeB ? cblas_transpose : cblas_no_transpose)),
            Int32(m), Int32(n), Int32(k), alpha, a, Int32(aStride), b, Int32(bStride), beta, c,
            Int32(cStride))
    }

    /// `y = x · Wᵀ` for a frozen `W`, widened tile by tile.
    ///
    /// - Parameters:
    ///   - x: `[tokens, W.columns]`.
    ///   - y: `[tokens, W.rows]`, overwritten.
    public func project(_ x: Matrix, _ weight: FrozenMatrix, into y: Matrix, scratch: Scratch) {
        precondition(
            x.columns == weight.columns && y.columns == weight.rows && x.rows == y.rows,
            "[\(x.rows), \(x.columns)] · [\(weight.rows), \(weight.columns)]ᵀ")
        forEachTile(of: weight, scratch: scratch) { rows, tile in
            multiply(
                x.pointer, x.stride, false, tile, weight.columns, true,
                y.pointer + rows.lowerBound, y.stride,
                m: x.rows, n: rows.count, k: x.columns, alpha: 1, beta: 0)
        }
    }

    /// `dx = dy · W`, or `dx += dy · W`, for a frozen `W`, summed tile by tile in order of rows.
    ///
    /// - Parameters:
    ///   - dy: `[tokens, W.rows]`.
    ///   - dx: `[tokens, W.columns]`.
    public func projectBack(
        _ dy: Matrix, _ weight: FrozenMatrix, into dx: Matrix, adding: Bool, scratch: Scratch
    ) {
        precondition(
            dy.columns == weight.rows && dx.columns == weight.columns && dx.rows == dy.rows,
            "[\(dy.rows), \(dy.columns)] · [\(weight.rows), \(weight.columns)]")
        forEachTile(of: weight, scratch: scratch) { rows, tile in
            multiply(
                dy.pointer + rows.lowerBound, dy.stride, false, tile, weight.columns, false,
                dx.pointer, dx.stride,
                m: dy.rows, n: weight.columns, k: rows.count, alpha: 1,
                beta: adding || rows.lowerBound > 0 ? 1 : 0)
        }
    }

    /// Rows of the embedding `weight`, widened: `y[i] = W[tokens[i]]`.
    public func embed(_ tokens: UnsafeBufferPointer<Int32>, _ weight: FrozenMatrix, into y: Matrix)
    {
        precondition(y.rows == tokens.count && y.columns == weight.columns, "one row a token")
        for (index, token) in tokens.enumerated() {
            precondition(Int(token) < weight.rows && token >= 0, "token \(token)")
            Self.widen(
                weight.rowPointer(Int(token)), weight.elementType,
                into: y.pointer + index * y.stride, count: weight.columns)
        }
    }

    /// `W[row, :]` of every row in `rows`, widened to float32, one after the other.
    public func widen(_ weight: FrozenMatrix, rows: Range<Int>, into target: FloatBuffer) {
        precondition(rows.count * weight.columns <= target.count && rows.upperBound <= weight.rows)
        Self.widen(weight, rows: rows, into: target.pointer)
    }

    /// Calls `body` with ranges of rows and their float32 elements; a float32 file is used in place.
    private func forEachTile(
        of weight: FrozenMatrix, scratch: Scratch,
        _ body: (Range<Int>, UnsafePointer<Float>) -> Void
    ) {
        let rowsPerTile = max(1, Self.tileElements / weight.columns)
        let inPlace =
            weight.elementType == .float32 && weight.interleavedHeadDimension == nil
            && UInt(bitPattern: weight.bytes) % 4 == 0
        var start = 0
        while start < weight.rows {
            let rows = start..<min(start + rowsPerTile, weight.rows)
            if inPlace {
                body(rows, weight.rowPointer(start).assumingMemoryBound(to: Float.self))
            } else {
                Self.widen(weight, rows: rows, into: scratch.tile.pointer)
                body(rows, UnsafePointer(scratch.tile.pointer))
            }
            start = rows.upperBound
        }
    }

    private static func widen(
        _ weight: FrozenMatrix, rows: Range<Int>, into target: UnsafeMutablePointer<Float>
    ) {
        if weight.interleavedHeadDimension == nil {
            widen(
                weight.rowPointer(rows.lowerBound), weight.elementType, into: target,
                count: rows.count * weight.columns)
            return
        }
        for row in rows {
            widen(
                weight.rowPointer(row), weight.elementType,
                into: target + (row - rows.lowerBound) * weight.columns, count: weight.columns)
        }
    }

    /// Stored elements as float32; exact.
    public static func widen(
        _ source: UnsafeRawPointer, _ elementType: ElementType,
        into target: UnsafeMutablePointer<Float>, count: Int
    ) {
        switch elementType {
        case .float32:
            UnsafeMutableRawPointer(target).copyMemory(from: source, byteCount: 4 * count)
        case .float16: ck_widen_float16(source, target, count)
        case .bfloat16: ck_widen_bfloat16(source, target, count)
        case .q8_0: ck_widen_q8_0(source, target, count)
        case .q4_0: ck_widen_q4_0(source, target, count)
        case .q4_1: ck_widen_q4_1(source, target, count)
        }
    }
}
