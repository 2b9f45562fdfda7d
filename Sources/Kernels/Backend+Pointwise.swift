import CKernels
public import Tensors

extension Backend {
    /// Rotates the first elements of every head by the token's position; backwards with `inverse`.
    ///
    /// - Parameters:
    ///   - x: `[tokens, heads · dimension]`, in place.
    ///   - positions: One a token.
    public func rotate(
        _ x: HostMatrix, heads: Int, positions: UnsafePointer<Int32>, table: RotaryTable,
        inverse: Bool = false
    ) {
        let headDimension = x.columns / heads
        precondition(
            x.columns == heads * headDimension && table.dimension <= headDimension,
            "heads · dimension")
        let rotate = table.rotatesNeighbours ? ck_rotary_neighbours : ck_rotary
        rotate(
            x.pointer, x.rows, x.stride, heads, headDimension, table.dimension, positions,
            table.cosine.pointer, table.sine.pointer, inverse ? -1 : 1)
    }

    /// `y = f(x)`, or `y = f(x) ⊙ factor`.
    ///
    /// - Source: Shazeer 2020, arXiv:2002.05202, for the gated forms.
    public func activate(
        _ activation: Activation, _ x: HostMatrix, factor: HostMatrix?, into y: HostMatrix
    ) {
        checkSame(x, y)
        if let factor { checkSame(x, factor) }
        ck_activation(
            activation.kernelCode, x.pointer, factor?.pointer, y.pointer, x.rows * x.columns)
    }

    /// Overwrites `x` and `factor` by the gradients with respect to them.
    public func activateBack(
        _ activation: Activation, _ dy: HostMatrix, x: HostMatrix, factor: HostMatrix?
    ) {
        checkSame(x, dy)
        if let factor { checkSame(x, factor) }
        ck_activation_backward(
            activation.kernelCode, dy.pointer, x.pointer, factor?.pointer, x.rows * x.columns)
    }

    /// Adds `bias` to every row.
    public func add(bias: FloatBuffer, to y: HostMatrix) {
        precondition(bias.count == y.columns, "\(bias.count) biases for \(y.columns) columns")
        for row in 0..<y.rows { ck_add(bias.pointer, y.pointer + row * y.stride, y.columns) }
    }

    /// `y = c·tanh(y / c)`.
    public func cap(_ y: HostMatrix, at cap: Float) {
        ck_soft_cap(y.pointer, nil, y.rows, y.columns, y.stride, 1, cap)
    }

    /// `y = factor · y`.
    public func scale(_ y: HostMatrix, by factor: Float) {
        precondition(y.stride == y.columns, "contiguous rows")
        ck_scale(y.pointer, y.rows * y.columns, factor)
    }

    /// `y += x`.
    public func add(_ x: HostMatrix, to y: HostMatrix) {
        checkSame(x, y)
        ck_add(x.pointer, y.pointer, x.rows * x.columns)
    }

    /// `y[i] = x[rows[i]]`.
    public func gather(_ x: HostMatrix, rows: [Int32], into y: HostMatrix) {
        precondition(y.rows == rows.count && y.columns == x.columns, "one row an index")
        for (index, row) in rows.enumerated() {
            precondition(row >= 0 && Int(row) < x.rows, "row \(row) of \(x.rows)")
            (y.pointer + index * y.stride).update(
                from: x.pointer + Int(row) * x.stride, count: x.columns)
        }
    }

    /// `y[rows[i]] += x[i]`, in order of `i`; a row may be named several times.
    public func scatterAdd(_ x: HostMatrix, rows: [Int32], to y: HostMatrix) {
        precondition(
            x.rows == rows.count && y.columns == x.columns && x.stride == x.columns,
            "one row an index")
        for (index, row) in rows.enumerated() {
            precondition(row >= 0 && Int(row) < y.rows, "row \(row) of \(y.rows)")
            ck_add(x.pointer + index * x.stride, y.pointer + Int(row) * y.stride, x.columns)
        }
    }

    /// `y = 0`.
    public func clear(_ y: HostMatrix) {
        for row in 0..<y.rows {
            (y.pointer + row * y.stride).update(repeating: 0, count: y.columns)
        }
    }

    /// `y = x`.
    public func copy(_ x: HostMatrix, into y: HostMatrix) {
        checkSame(x, y)
        y.pointer.update(from: x.pointer, count: x.rows * x.columns)
    }

    /// Copies `blocks` of the columns of `x` into `y`, where they lie side by side.
    public func split(_ x: HostMatrix, _ blocks: ColumnBlocks, into y: HostMatrix) {
        check(blocks, of: x, against: y)
        for row in 0..<x.rows {
            for block in 0..<blocks.count {
                (y.pointer + row * y.stride + block * blocks.width).update(
                    from: x.pointer + row * x.stride + blocks.start + block * blocks.distance,
                    count: blocks.width)
            }
        }
    }

    /// The reverse of ``split(_:_:into:)``: copies the columns of `y` to where they lie in `x`.
    public func join(_ y: HostMatrix, _ blocks: ColumnBlocks, into x: HostMatrix) {
        check(blocks, of: x, against: y)
        for row in 0..<x.rows {
            for block in 0..<blocks.count {
                (x.pointer + row * x.stride + blocks.start + block * blocks.distance).update(
                    from: y.pointer + row * y.stride + block * blocks.width, count: blocks.width)
            }
        }
    }

    private func check(_ blocks: ColumnBlocks, of x: HostMatrix, against y: HostMatrix) {
        precondition(
            x.rows == y.rows && y.columns == blocks.count * blocks.width
                && blocks.start + (blocks.count - 1) * blocks.distance + blocks.width <= x.columns,
            "\(blocks) of \(x.columns) columns into \(y.columns)")
    }

    func checkSame(_ a: HostMatrix, _ b: HostMatrix) {
        precondition(
            a.rows == b.rows && a.columns == b.columns && a.stride == a.columns
                && b.stride == b.columns,
            "[\(a.rows), \(a.columns)] against [\(b.rows), \(b.columns)]")
    }
}

/// The non-linear function of a feed-forward block.
public enum Activation: Sendable {
    /// `x / (1 + e⁻ˣ)`.
    case silu
    /// `x · Φ(x)` with the normal distribution's integral (Hendrycks & Gimpel 2016,
    /// arXiv:1606.08415).
    case geluExact
    /// `x · (1 + tanh(√(2/π) · (x + 0.044715·x³))) / 2`.
    case geluTanh
    case relu

    var kernelCode: Int32 {
        switch self {
        case .silu: Int32(ck_silu)
        case .geluExact: Int32(ck_gelu_exact)
        case .geluTanh: Int32(ck_gelu_tanh)
        case .relu: Int32(ck_relu)
        }
    }
}

/// Blocks of columns that lie at equal distances in a wider matrix.
public struct ColumnBlocks: Sendable {
    let start: Int
    let count: Int
    let width: Int
    let distance: Int

    /// - Parameters:
    ///   - start: First column of the first block.
    ///   - distance: From the start of one block to that of the next.
    public init(start: Int, count: Int = 1, width: Int, distance: Int = 0) {
        self.start = start
        self.count = count
        self.width = width
        self.distance = distance
    }
}

/// Cosines and sines of all positions of a run: `[positions, dimension / 2]` each.
public struct RotaryTable: Sendable {
    public let dimension: Int
    public let positions: Int
    /// Whether pairs are neighbours instead of lying half of the rotated dimension apart.
    let rotatesNeighbours: Bool
    let cosine: FloatBuffer
    let sine: FloatBuffer

    /// - Parameters:
    ///   - inverseWavelengths: Radians a position, one for each rotated pair.
    ///   - rotatesNeighbours: Whether number `2i` of a head is rotated against `2i + 1`.
    /// - Note: The angle is rounded to float32 before its cosine is taken, as transformers does.
    public init(inverseWavelengths: [Float], positions: Int, rotatesNeighbours: Bool = false) {
        self.rotatesNeighbours = rotatesNeighbours
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
