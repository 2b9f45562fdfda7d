import Kernels
import Tensors
import Training

/// The matrix products of slices, run alone through plain SGEMM: what no step can be faster than by
/// doing everything else for nothing.
///
/// Operands are float32 and lie where those of a step would: every weight in its own memory, so that
/// a pass over the model is a pass over memory; activations in buffers that each lane has for itself.
final class GEMMFloor: @unchecked Sendable {
    // `@unchecked Sendable`: written once; each lane uses its own operands.

    private let backend: Backend
    private let slices: [SliceAccount]
    private let weights: [FloatBuffer]
    private let operands: [LaneOperands]

    private struct LaneOperands {
        let left: FloatBuffer
        let right: FloatBuffer
        let result: FloatBuffer
    }

    /// Weights beyond this share memory with earlier ones: more than any cache holds, less than
    /// any machine has that runs the model.
    private static let weightBytes = 1 << 30

    /// - Parameters:
    ///   - slices: The products of each slice.
    ///   - lanes: Lanes that will run at the same time.
    init(_ backend: Backend, _ slices: [SliceAccount], lanes: Int) {
        self.backend = backend
        self.slices = slices
        let products = slices.flatMap(\.products).map(\.product)
        var sizes: [Int: Int] = [:]
        var (left, right, result) = (0, 0, 0)
        for product in products {
            left = max(left, product.rows * product.depth)
            result = max(result, product.rows * product.columns)
            let size = product.columns * product.depth
            if product.isWithWeight {
                sizes[product.weight] = max(sizes[product.weight] ?? 0, size)
            } else {
                right = max(right, size)
            }
        }
        operands = (0..<lanes).map { _ in
            LaneOperands(
                left: .filled(left), right: .filled(right), result: FloatBuffer(count: result))
        }
        var weights: [FloatBuffer] = []
        var bytes = 0
        for weight in 0...(sizes.keys.max() ?? 0) {
            let size = sizes[weight] ?? 0
            let fitting = weights.first { $0.count >= size }
            if bytes > Self.weightBytes, let fitting {
                weights.append(fitting)
            } else {
                weights.append(.filled(size))
                bytes += 4 * size
            }
        }
        self.weights = weights
    }

    /// Seconds that `lanes` need for the products of these kinds of some slices, each slice on one
    /// lane.
    func seconds(
        _ kinds: Set<MatrixProduct.Kind>, slices range: Range<Int>, on lanes: LanePool
    ) -> Double {
        lanes.time(count: range.count) { [self] lane, index in
            let slice = slices[range.lowerBound + index]
            for (product, count) in slice.products where kinds.contains(product.kind) {
                for _ in 0..<count { run(product, operands[lane]) }
            }
        }
    }

    private func run(_ product: MatrixProduct, _ operands: LaneOperands) {
        let (m, n, k) = (product.rows, product.columns, product.depth)
        let right = product.isWithWeight ? weights[product.weight] : operands.right
        backend.multiply(
            product.transposesLeft
                ? Matrix(operands.left, rows: k, columns: m)
                : Matrix(operands.left, rows: m, columns: k),
            transposeA: product.transposesLeft,
            product.transposesRight
                ? Matrix(right, rows: n, columns: k) : Matrix(right, rows: k, columns: n),
            transposeB: product.transposesRight,
            into: Matrix(operands.result, rows: m, columns: n))
    }

    /// Operations a second of a large product, on all lanes at once: the machine's SGEMM peak.
    static func peak(_ backend: Backend, on lanes: LanePool) -> Double {
        let size = 1024
        let matrices = (0..<lanes.count).map { _ in
            (0..<3).map { _ in Matrix(FloatBuffer.filled(size * size), rows: size, columns: size) }
        }
        let operations = 2 * Double(size * size * size) * Double(lanes.count)
        let best = (0..<8).map { _ in
            lanes.time(count: lanes.count) { lane, _ in
                let operands = matrices[lane]
                backend.multiply(operands[0], operands[1], into: operands[2])
            }
        }.min()
        return operations / (best ?? .infinity)
    }
}

extension MatrixProduct {
    var isWithWeight: Bool { kind == .frozen || kind == .logits }
}

extension FloatBuffer {
    /// Numbers of ordinary size: zeros and subnormal ones can be faster or slower to multiply.
    static func filled(_ count: Int) -> FloatBuffer {
        let buffer = FloatBuffer(count: count)
        for index in 0..<count {
            buffer.pointer[index] = Float((index &* 7919) % 64 - 32) / 64 + 0.007
        }
        return buffer
    }
}
