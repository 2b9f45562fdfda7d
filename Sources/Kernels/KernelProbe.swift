import CKernels
public import Tensors

/// One call of each vector kernel on made-up data, to be timed: `lora bench --kernels`.
public enum KernelProbe: String, CaseIterable, Sendable {
    case add
    case widenBFloat16 = "widen bfloat16"
    case widenQ8 = "widen Q8_0"
    case widenQ4 = "widen Q4_1"
    case norm
    case normBackward = "norm, backward"
    case rotary
    case swiglu
    case swigluBackward = "swiglu, backward"
    case softmax
    case softmaxAgain = "softmax, again"
    case softmaxBackward = "softmax, backward"
    case crossEntropy = "cross-entropy and gradient"
    case largestExponent = "largest exponent"
    case exactSum = "exact sum"

    /// Bytes that one element moves to and from memory.
    public var bytesPerElement: Double {
        switch self {
        case .add, .swiglu, .softmaxBackward: 12
        case .widenBFloat16: 6
        case .widenQ8: 4 + 34.0 / 32
        case .widenQ4: 4 + 20.0 / 32
        case .norm, .rotary, .softmax, .softmaxAgain, .crossEntropy: 8
        case .normBackward: 16
        case .swigluBackward: 20
        case .largestExponent: 4
        case .exactSum: 20
        }
    }

    /// Additions, multiplications, comparisons and conversions an element takes, as the source
    /// spells them; a division counts as ten.
    public var operationsPerElement: Double {
        switch self {
        case .add, .largestExponent: 1
        case .widenBFloat16: 2
        case .widenQ8: 2
        case .widenQ4: 4
        case .norm: 4
        case .normBackward: 9
        case .rotary: 4
        case .swiglu: Self.exponential + 18
        case .swigluBackward: Self.exponential + 23
        case .softmax: Self.exponential + 6
        case .softmaxAgain: Self.exponential + 2
        case .softmaxBackward: 3
        case .crossEntropy: Self.exponential + 6
        case .exactSum: 12
        }
    }

    private static let exponential = 28.0

    /// Runs the kernel over `a`, `b` and `c` as rows of `columns` elements.
    ///
    /// - Precondition: Buffers of equal size, a multiple of `columns`; `columns` a multiple of 64.
    public func run(_ a: FloatBuffer, _ b: FloatBuffer, _ c: FloatBuffer, columns: Int) {
        let (x, y, z, n) = (a.pointer, b.pointer, c.pointer, a.count)
        let rows = n / columns
        switch self {
        case .add: ck_add(x, y, n)
        case .widenBFloat16: ck_widen(Int32(ck_bfloat16), x, 0, y, 0, 1, n)
        case .widenQ8: ck_widen(Int32(ck_q8_0), x, 0, y, 0, 1, n)
        case .widenQ4: ck_widen(Int32(ck_q4_1), x, 0, y, 0, 1, n)
        case .norm: ck_rms_norm(x, z, y, z, rows, columns, 1e-5)
        case .normBackward: ck_rms_norm_backward(x, y, z, z, y, rows, columns)
        case .rotary: rotate(x, rows: rows, columns: columns, table: z)
        case .swiglu: ck_activation(Int32(ck_silu), x, y, z, n)
        case .swigluBackward: ck_activation_backward(Int32(ck_silu), x, y, z, n)
        case .softmax: ck_causal_softmax(x, rows, columns, columns, columns, Int.max, 1, z, 1)
        case .softmaxAgain:
            ck_causal_softmax_again(x, rows, columns, columns, columns, Int.max, 1, z, 1)
        case .softmaxBackward: ck_softmax_backward(x, y, rows, columns, columns, 1, z, 1)
        case .crossEntropy:
            for row in 0..<rows { _ = ck_cross_entropy(x + row * columns, columns, 0, true) }
        case .largestExponent:
            var finite = true
            _ = ck_largest_exponent(x, n, &finite)
        case .exactSum:
            // Two buffers of floats hold one of 64-bit integers.
            z.withMemoryRebound(to: Int64.self, capacity: n / 2) {
                ck_add_exactly(x, n / 2, 1, $0)
            }
        }
    }

    /// Elements that ``run(_:_:_:columns:)`` handles in buffers of `count`.
    public func elements(in count: Int) -> Int { self == .exactSum ? count / 2 : count }

    private func rotate(
        _ x: UnsafeMutablePointer<Float>, rows: Int, columns: Int,
        table: UnsafeMutablePointer<Float>
    ) {
        // Heads of 64; all rows at position 0 read one line of the table.
        let positions = UnsafeMutablePointer<Int32>.allocate(capacity: rows)
        positions.initialize(repeating: 0, count: rows)
        defer { positions.deallocate() }
        ck_rotary(x, rows, columns, columns / 64, 64, 64, positions, table, table, 1)
    }
}
