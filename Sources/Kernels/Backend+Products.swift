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
        _ a: HostMatrix, transposeA: Bool = false, _ b: HostMatrix, transposeB: Bool = false,
        into c: HostMatrix, alpha: Float = 1, beta: Float = 0
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

    /// `y = x · Wᵀ` for a frozen `W`.
    ///
    /// Each element is summed in the order of `W`'s columns, block by block (``depthBlocks(_:)``):
    /// a row of `y` does not depend on how many rows there are.
    ///
    /// - Parameters:
    ///   - x: `[tokens, W.columns]`.
    ///   - y: `[tokens, W.rows]`, overwritten.
    public func project(
        _ x: HostMatrix, _ weight: FrozenWeight, into y: HostMatrix, scratch: Scratch
    ) {
        if weight.isTransposed {
            multiply(x, byRowsOf: weight.transposed, into: y, adding: false, scratch: scratch)
        } else {
            multiply(x, byColumnsOf: weight, into: y, adding: false, scratch: scratch)
        }
    }

    /// `y = x · Wᵀ` or `y += x · Wᵀ`, `W` as it lies in the file.
    private func multiply(
        _ x: HostMatrix, byColumnsOf weight: FrozenWeight, into y: HostMatrix, adding: Bool,
        scratch: Scratch
    ) {
        precondition(
            x.columns == weight.columns && y.columns == weight.rows && x.rows == y.rows,
            "[\(x.rows), \(x.columns)] · [\(weight.rows), \(weight.columns)]ᵀ")
        guard x.rows > 0 else { return }
        for inputs in Self.depthBlocks(weight.columns) {
            let operand = operand(x.columns(inputs), scratch)
            for outputs in Self.blocks(of: weight.rows, size: Self.panelColumns) {
                fillPanelTransposed(weight, rows: outputs, columns: inputs, scratch)
                multiply(
                    operand, byPanelInto: y.columns(outputs),
                    adding: adding || inputs.lowerBound > 0, scratch)
            }
        }
    }

    /// `dx = dy · W`, or `dx += dy · W`, for a frozen `W`, summed in the order of its rows.
    ///
    /// - Parameters:
    ///   - dy: `[tokens, W.rows]`.
    ///   - dx: `[tokens, W.columns]`.
    public func projectBack(
        _ dy: HostMatrix, _ weight: FrozenWeight, into dx: HostMatrix, adding: Bool,
        scratch: Scratch
    ) {
        if weight.isTransposed {
            multiply(dy, byColumnsOf: weight.transposed, into: dx, adding: adding, scratch: scratch)
        } else {
            multiply(dy, byRowsOf: weight, into: dx, adding: adding, scratch: scratch)
        }
    }

    /// `dx = dy · W` or `dx += dy · W`, `W` as it lies in the file.
    private func multiply(
        _ dy: HostMatrix, byRowsOf weight: FrozenWeight, into dx: HostMatrix, adding: Bool,
        scratch: Scratch
    ) {
        precondition(
            dy.columns == weight.rows && dx.columns == weight.columns && dx.rows == dy.rows,
            "[\(dy.rows), \(dy.columns)] · [\(weight.rows), \(weight.columns)]")
        guard dy.rows > 0 else { return }
        for outputs in Self.depthBlocks(weight.rows) {
            let operand = operand(dy.columns(outputs), scratch)
            // All panels of these rows lie in the same lines; more than a cache is not kept anyway.
            if outputs.count * weight.bytesPerRow <= Self.touchedBytes {
                weight.touch(rows: outputs, columns: 0..<weight.columns)
            }
            for inputs in Self.blocks(of: weight.columns, size: Self.panelColumns) {
                weight.decode(
                    rows: outputs, columns: inputs, into: scratch.panel.pointer,
                    stride: Self.panelColumns)
                multiply(
                    operand, byPanelInto: dx.columns(inputs),
                    adding: adding || outputs.lowerBound > 0, scratch)
            }
        }
    }

    /// What a panel is multiplied by: in half precision rounded into the scratch first.
    private func operand(_ a: HostMatrix, _ scratch: Scratch) -> HostMatrix {
        half?.operand(
            a.pointer, a.stride, a.rows, a.columns, scratch.halfOperand(a),
            scratch.operandScales.pointer)
        return a
    }

    /// `c = a · panel`, or `c += a · panel`, with the panel that lies in the scratch.
    ///
    /// - Parameter a: What ``operand(_:_:)`` was given last.
    private func multiply(
        _ a: HostMatrix, byPanelInto c: HostMatrix, adding: Bool, _ scratch: Scratch
    ) {
        guard let half else {
            ck_panel_product(
                a.pointer, a.stride, scratch.panel.pointer, a.columns, c.pointer, c.stride,
                a.rows, c.columns, adding)
            return
        }
        half.panel(
            scratch.panel.pointer, a.columns, scratch.halfPanel, scratch.panelScales.pointer)
        half.product(
            scratch.halfOperand(a), scratch.operandScales.pointer, scratch.halfPanel,
            scratch.panelScales.pointer, a.columns, c.pointer, c.stride, a.rows, c.columns, adding)
    }

    /// Columns of a panel: `[depth, panelColumns]` of a weight, expanded to float32.
    static let panelColumns = Int(ck_panel_columns)
    /// Most rows of a panel: 160 KiB, which stays in the second-level cache.
    static let panelDepth = 640

    /// Bytes of a weight that are read ahead at most: half of a small second-level cache.
    static let touchedBytes = 1 << 19

    /// Where a sum over `depth` terms is cut: into the fewest blocks of at most ``panelDepth``, of
    /// equal size up to a multiple of 64. Part of the numerics.
    static func depthBlocks(_ depth: Int) -> RangeBlocks {
        let count = (depth + panelDepth - 1) / panelDepth
        let size = (depth + max(1, count) - 1) / max(1, count)
        return blocks(of: depth, size: (size + 63) / 64 * 64)
    }

    private static func blocks(of count: Int, size: Int) -> RangeBlocks {
        RangeBlocks(count: count, size: size)
    }

    /// `panel[k, j] = W[rows[j], columns[k]]`, through a square that stays in the first-level cache.
    private func fillPanelTransposed(
        _ weight: FrozenWeight, rows: Range<Int>, columns: Range<Int>, _ scratch: Scratch
    ) {
        weight.touch(rows: rows, columns: columns)
        for square in Self.blocks(of: columns.count, size: Self.panelColumns) {
            let first = columns.lowerBound + square.lowerBound
            let target = scratch.panel.pointer + square.lowerBound * Self.panelColumns
            if let source = weight.plainRows {
                ck_transpose_into_panel(
                    source + rows.lowerBound * weight.columns + first, weight.columns, rows.count,
                    square.count, target)
                continue
            }
            let staging = scratch.square.pointer
            weight.decode(
                rows: rows, columns: first..<first + square.count, into: staging,
                stride: Self.panelColumns)
            ck_transpose_into_panel(
                staging, Self.panelColumns, rows.count, square.count, target)
        }
    }

    /// Rows of the embedding `weight`, widened: `y[i] = W[tokens[i]]`.
    public func embed(
        _ tokens: UnsafeBufferPointer<Int32>, _ weight: FrozenWeight, into y: HostMatrix
    ) {
        precondition(y.rows == tokens.count && y.columns == weight.columns, "one row a token")
        for (index, token) in tokens.enumerated() {
            precondition(Int(token) < weight.rows && token >= 0, "token \(token)")
            weight.decode(
                rows: Int(token)..<Int(token) + 1, columns: 0..<weight.columns,
                into: y.pointer + index * y.stride, stride: weight.columns)
        }
    }

    /// `W[row, :]` of every row in `rows`, widened to float32, one after the other.
    public func widen(_ weight: FrozenWeight, rows: Range<Int>, into target: FloatBuffer) {
        precondition(rows.count * weight.columns <= target.count && rows.upperBound <= weight.rows)
        weight.decode(
            rows: rows, columns: 0..<weight.columns, into: target.pointer, stride: weight.columns)
    }

    /// Stored elements as float32; exact.
    public static func widen(
        _ source: UnsafeRawPointer, _ format: BlockFormat,
        into target: UnsafeMutableBufferPointer<Float>
    ) {
        guard let start = target.baseAddress else { return }
        ck_widen(format.decoder, source, 0, start, 0, 1, target.count)
    }
}

/// `0 ..< count` in blocks of `size`; the last may be short.
struct RangeBlocks: Sequence, IteratorProtocol {
    let count: Int
    let size: Int
    private var start = 0

    init(count: Int, size: Int) {
        self.count = count
        self.size = size
    }

    mutating func next() -> Range<Int>? {
        guard start < count else { return nil }
        defer { start += size }
        return start..<Swift.min(start + size, count)
    }
}
