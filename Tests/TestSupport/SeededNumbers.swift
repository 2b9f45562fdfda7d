public import Tensors

/// Repeatable test data: the same seed gives the same numbers everywhere.
public struct SeededNumbers {
    private let random: CounterRandom
    private var index: UInt64 = 0

    public init(seed: Int) {
        random = CounterRandom(seed: UInt64(seed), purpose: .sampling)
    }

    /// Uniform in [-scale, scale).
    public mutating func next(scale: Double = 1) -> Float {
        index += 1
        return Float((2 * random.uniform(stream: 0, index: index) - 1) * scale)
    }

    /// A whole number in `range`.
    public mutating func next(in range: Range<Int>) -> Int {
        index += 1
        return range.lowerBound
            + Int(random.uniform(stream: 0, index: index) * Double(range.count))
    }

    /// `count` numbers in [-scale, scale).
    public mutating func array(_ count: Int, scale: Double = 1) -> [Float] {
        (0..<count).map { _ in next(scale: scale) }
    }

    /// A filled matrix.
    public mutating func matrix(rows: Int, columns: Int, scale: Double = 1) -> HostMatrix {
        let buffer = FloatBuffer(count: rows * columns)
        for index in 0..<buffer.count { buffer.pointer[index] = next(scale: scale) }
        return Matrix(buffer, rows: rows, columns: columns)
    }
}

extension HostMatrix {
    /// The elements, row by row.
    public var values: [Float] {
        (0..<rows).flatMap { row in
            (0..<columns).map { pointer[row * stride + $0] }
        }
    }

    /// The element at a row and a column, widened.
    public subscript(row: Int, column: Int) -> Double {
        Double(pointer[row * stride + column])
    }
}
