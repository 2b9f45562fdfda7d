import Foundation
import Kernels
import Tensors
import TestSupport
import Testing

/// Each operation against its formula in float64, on every SIMD level, over small and odd sizes.
///
/// Levels must agree bit for bit except where OpenBLAS takes part.
@Suite(.serialized, .vectorLevelTurn) struct KernelsTests {
    static let sizes = [1, 2, 7, 15, 16, 17, 31, 33, 64, 100]

    /// Calls `body` with the backend of every level that this machine runs; results must be equal.
    private func onAllLevels(_ body: (Backend) throws -> [Float]) throws -> [Float] {
        var first: [Float]?
        let backend = try Backend(level: .best)
        for level in KernelLevel.allCases where level <= .best {
            level.selectVectors()
            let result = try body(backend)
            if let first {
                #expect(
                    zip(first, result).allSatisfy { $0.bitPattern == $1.bitPattern },
                    "\(level.name) differs")
            }
            first = first ?? result
        }
        return try #require(first)
    }

    private func expectClose(
        _ found: [Float], _ expected: [Double], relative: Double = 2e-6, absolute: Double = 2e-6,
        _ label: String
    ) {
        #expect(found.count == expected.count)
        for (index, pair) in zip(found, expected).enumerated() {
            #expect(
                abs(Double(pair.0) - pair.1) <= absolute + relative * abs(pair.1),
                "\(label)[\(index)]: \(pair.0), not \(pair.1)")
        }
    }

    @Test(arguments: [Norm.Kind.rootMeanSquare, .layer])
    func normalization(kind: Norm.Kind) throws {
        for size in Self.sizes {
            var numbers = SeededNumbers(seed: size)
            let x = numbers.matrix(rows: 3, columns: size)
            let dy = numbers.matrix(rows: 3, columns: size)
            let weight = numbers.matrix(rows: 1, columns: size)
            let bias = numbers.matrix(rows: 1, columns: size)
            let norm = Norm(
                kind: kind, weight: weight.memory,
                bias: kind == .layer ? bias.memory : FloatBuffer(count: 0), epsilon: 1e-2)
            let forward = try onAllLevels { backend in
                let y = Matrix(FloatBuffer(count: 3 * size), rows: 3, columns: size)
                let statistics = FloatBuffer(count: 3 * Norm.statisticsPerRow(kind))
                backend.normalize(x, norm, into: y, statistics: statistics)
                let again = Matrix(FloatBuffer(count: 3 * size), rows: 3, columns: size)
                backend.normalizeAgain(x, norm, statistics: statistics, into: again)
                #expect(y.values == again.values)
                let dx = Matrix(FloatBuffer(count: 3 * size), rows: 3, columns: size)
                backend.normalizeBack(dy, x: x, norm, statistics: statistics, into: dx)
                return y.values + dx.values
            }
            var expected: [Double] = []
            var gradient: [Double] = []
            for row in 0..<3 {
                let norm = { (x: [Double]) -> [Double] in
                    let center = kind == .layer ? x.reduce(0, +) / Double(size) : 0
                    let mean = x.reduce(0) { $0 + ($1 - center) * ($1 - center) } / Double(size)
                    return x.indices.map {
                        (x[$0] - center) / (mean + 1e-2).squareRoot() * weight[0, $0]
                            + (kind == .layer ? bias[0, $0] : 0)
                    }
                }
                let values = (0..<size).map { x[row, $0] }
                expected += norm(values)
                gradient += finiteDifferences(values) { point in
                    zip(norm(point), 0..<size).reduce(0) { $0 + $1.0 * dy[row, $1.1] }
                }
            }
            expectClose(Array(forward.prefix(3 * size)), expected, "norm \(size)")
            // Where the mean square is tiny the gradient is large: central differences of step
            // 1e-6 are good to 1e-5 relative there.
            expectClose(
                Array(forward.dropFirst(3 * size)), gradient, relative: 1e-4, absolute: 1e-4,
                "norm gradient \(size)")
        }
    }

    /// Value and derivative of each activation by its definition.
    private static func definition(_ activation: Activation, _ x: Double) -> (Double, Double) {
        switch activation {
        case .silu:
            let sigma = 1 / (1 + Foundation.exp(-x))
            return (x * sigma, sigma * (1 + x * (1 - sigma)))
        case .geluExact:
            let below = erfc(-x / 2.0.squareRoot()) / 2
            return (
                x * below, below + x * Foundation.exp(-x * x / 2) / (2 * Double.pi).squareRoot()
            )
        case .geluTanh:
            let c = (2 / Double.pi).squareRoot()
            let t = tanh(c * (x + 0.044715 * x * x * x))
            let slope = (1 - t * t) * c * (1 + 3 * 0.044715 * x * x)
            return (x * (1 + t) / 2, (1 + t) / 2 + x * slope / 2)
        case .relu: return x > 0 ? (x, 1) : (0, 0)
        }
    }

    @Test(arguments: [Activation.silu, .geluExact, .geluTanh, .relu], [true, false])
    func activations(activation: Activation, isGated: Bool) throws {
        for size in Self.sizes {
            var numbers = SeededNumbers(seed: 1000 + size)
            let gate = numbers.matrix(rows: 2, columns: size, scale: 20)
            let up = numbers.matrix(rows: 2, columns: size)
            let dy = numbers.matrix(rows: 2, columns: size)
            let found = try onAllLevels { backend in
                let y = Matrix(FloatBuffer(count: 2 * size), rows: 2, columns: size)
                backend.activate(activation, gate, factor: isGated ? up : nil, into: y)
                let (g, u) = (copy(gate), copy(up))
                backend.activateBack(activation, dy, x: g, factor: isGated ? u : nil)
                return y.values + g.values + (isGated ? u.values : [])
            }
            var (y, dGate, dUp) = ([Double](), [Double](), [Double]())
            for row in 0..<2 {
                for column in 0..<size {
                    let (u, d) = (isGated ? up[row, column] : 1, dy[row, column])
                    let (value, slope) = Self.definition(activation, gate[row, column])
                    y.append(value * u)
                    dGate.append(d * u * slope)
                    if isGated { dUp.append(d * value) }
                }
            }
            expectClose(found, y + dGate + dUp, "\(activation) \(size)")
        }
    }

    @Test func softCapping() throws {
        for size in Self.sizes {
            var numbers = SeededNumbers(seed: 3000 + size)
            let x = numbers.matrix(rows: 2, columns: size, scale: 200)
            let found = try onAllLevels { backend in
                let y = copy(x)
                backend.cap(y, at: 30)
                return y.values
            }
            expectClose(found, x.values.map { 30 * tanh(Double($0) / 30) }, "cap \(size)")
        }
    }

    /// All or the first numbers of a head, halves or neighbours against each other.
    @Test(arguments: [0, 5], [false, true])
    func rotation(unrotated: Int, neighbours: Bool) throws {
        for half in [1, 3, 8, 16, 20] {
            let table = RotaryTable(
                inverseWavelengths: (0..<half).map { 1 / Float($0 + 1) }, positions: 40,
                rotatesNeighbours: neighbours)
            var numbers = SeededNumbers(seed: 2000 + half)
            let width = 2 * half + unrotated
            let x = numbers.matrix(rows: 4, columns: 2 * width)
            let positions: [Int32] = [0, 39, 3, 17]
            let found = try onAllLevels { backend in
                let y = copy(x)
                backend.rotate(y, heads: 2, positions: positions, table: table)
                return y.values
            }
            var expected = x.values.map(Double.init)
            for row in 0..<4 {
                for head in 0..<2 {
                    for i in 0..<half {
                        let angle = Double(Float(positions[row]) * (1 / Float(i + 1)))
                        let base = head * width
                        let (a, b) =
                            neighbours
                            ? (base + 2 * i, base + 2 * i + 1) : (base + i, base + half + i)
                        let (u, v) = (x[row, a], x[row, b])
                        expected[row * 2 * width + a] = u * cos(angle) - v * sin(angle)
                        expected[row * 2 * width + b] = v * cos(angle) + u * sin(angle)
                    }
                }
            }
            expectClose(found, expected, "rotary \(half)")
            let backend = try Backend(level: .best)
            let there = copy(x)
            backend.rotate(there, heads: 2, positions: positions, table: table)
            backend.rotate(there, heads: 2, positions: positions, table: table, inverse: true)
            expectClose(there.values, x.values.map(Double.init), "rotary and back")
        }
    }

    @Test func elementaryFunctions() {
        var numbers = SeededNumbers(seed: 9)
        for _ in 0..<2000 {
            let x = Double(numbers.next(scale: 300))
            #expect(abs(Elementary.exp(x) / Foundation.exp(x) - 1) < 1e-14)
            let positive = Foundation.exp(x)
            #expect(abs(Elementary.log(positive) - x) <= 1e-14 * max(1, abs(x)))
            let angle = abs(x) * 1000
            #expect(abs(Elementary.cos(angle) - Foundation.cos(angle)) < 1e-14)
        }
        #expect(Elementary.exp(0) == 1 && Elementary.log(1) == 0 && Elementary.cos(0) == 1)
    }

    private func copy(_ x: HostMatrix) -> HostMatrix {
        let buffer = FloatBuffer(count: x.rows * x.columns)
        for (index, value) in x.values.enumerated() { buffer.pointer[index] = value }
        return Matrix(buffer, rows: x.rows, columns: x.columns)
    }
}

/// Central differences of a scalar function, one for each coordinate.
func finiteDifferences(_ point: [Double], _ function: ([Double]) -> Double) -> [Double] {
    let step = 1e-6
    return point.indices.map { index in
        var (above, below) = (point, point)
        above[index] += step
        below[index] -= step
        return (function(above) - function(below)) / (2 * step)
    }
}
