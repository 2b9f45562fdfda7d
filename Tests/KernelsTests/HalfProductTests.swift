import Files
import Foundation
import Kernels
import Tensors
import TestSupport
import Testing

/// Products in half precision: how far they are from float64, and that nothing overflows.
///
/// Run in emulation where the processor lacks the type; where it has it, both must agree.
@Suite(.serialized) struct HalfProductTests {
    /// Around the edges of a tile (6 or 12 rows), a run of sums (32), a panel and its depth.
    private static let shapes: [(tokens: Int, outputs: Int, inputs: Int)] = [
        (1, 64, 1), (5, 33, 31), (12, 64, 33), (13, 65, 640), (23, 130, 1000),
    ]

    private func frozen(_ values: HostMatrix) throws -> FrozenWeight {
        let path = NSTemporaryDirectory() + "weight-\(UUID().uuidString)"
        let bytes = UnsafeRawBufferPointer(values.memory.elements)
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        let file = try MappedFile(path: path)
        return FrozenWeight(
            format: .float32, rows: values.rows, columns: values.columns,
            bytes: try #require(file.bytes.baseAddress), owner: file)
    }

    private func products(
        _ backend: Backend, _ x: HostMatrix, _ dy: HostMatrix, _ weight: FrozenWeight
    ) -> (y: [Float], dx: [Float]) {
        let scratch = Scratch(
            halfRows: x.rows, longestSegment: 1, logitRows: 1, vocabularySize: 1)
        let y = Matrix(FloatBuffer(count: dy.rows * dy.columns), rows: dy.rows, columns: dy.columns)
        let dx = Matrix(FloatBuffer(count: x.rows * x.columns), rows: x.rows, columns: x.columns)
        backend.project(x, weight, into: y, scratch: scratch)
        backend.projectBack(dy, weight, into: dx, adding: false, scratch: scratch)
        return (y.values, dx.values)
    }

    private func backend(_ type: ComputeType, emulated: Bool) throws -> Backend? {
        guard KernelLevel.best == .avx512 else { return nil }
        return try Backend(level: .best, compute: type, emulated: emulated)
    }

    /// ‖found − exact‖ ÷ ‖exact‖.
    private func relativeError(_ found: [Float], _ exact: [Double]) -> Double {
        let error = zip(found, exact).reduce(0) {
            $0 + (Double($1.0) - $1.1) * (Double($1.0) - $1.1)
        }
        return (error / exact.reduce(0) { $0 + $1 * $1 }).squareRoot()
    }

    /// Rounding both operands to b bits costs about 2^(−b−1); summing 32 float16 somewhat more.
    @Test(arguments: [(ComputeType.bfloat16, 4e-3), (.float16, 2e-3)])
    func nearFloat64(type: ComputeType, bound: Double) throws {
        guard let backend = try backend(type, emulated: true) else { return }
        for shape in Self.shapes {
            // Rows of very unlike size: what a scale for the whole operand would lose.
            for scale in [1, 1e30, 1e-30] {
                var numbers = SeededNumbers(seed: shape.inputs)
                let w = numbers.matrix(rows: shape.outputs, columns: shape.inputs)
                let x = numbers.matrix(rows: shape.tokens, columns: shape.inputs, scale: scale)
                let dy = numbers.matrix(rows: shape.tokens, columns: shape.outputs, scale: scale)
                backend.clear(x.rows(0..<1))
                let (y, dx) = products(backend, x, dy, try frozen(w))
                let exactY = (0..<shape.tokens * shape.outputs).map { place in
                    let (token, output) = place.quotientAndRemainder(dividingBy: shape.outputs)
                    return (0..<shape.inputs).reduce(0) { $0 + x[token, $1] * w[output, $1] }
                }
                let exactX = (0..<shape.tokens * shape.inputs).map { place in
                    let (token, input) = place.quotientAndRemainder(dividingBy: shape.inputs)
                    return (0..<shape.outputs).reduce(0) { $0 + dy[token, $1] * w[$1, input] }
                }
                if shape.tokens > 1 {
                    #expect(relativeError(y, exactY) < bound, "\(type) \(shape) \(scale) y")
                }
                #expect(y.prefix(shape.outputs).allSatisfy { $0 == 0 }, "zero rows stay zero")
                #expect(relativeError(dx, exactX) < bound, "\(type) \(shape) \(scale) dx")
            }
        }
    }

    /// The processor's own arithmetic against its definition, bit for bit.
    @Test(arguments: [ComputeType.bfloat16, .float16])
    func nativeEqualsEmulation(type: ComputeType) throws {
        guard type.isNative, let native = try backend(type, emulated: false),
            let emulated = try backend(type, emulated: true)
        else { return }
        for shape in Self.shapes {
            var numbers = SeededNumbers(seed: shape.outputs)
            let w = try frozen(numbers.matrix(rows: shape.outputs, columns: shape.inputs))
            let x = numbers.matrix(rows: shape.tokens, columns: shape.inputs)
            let dy = numbers.matrix(rows: shape.tokens, columns: shape.outputs)
            let (a, b) = (products(native, x, dy, w), products(emulated, x, dy, w))
            // Compared outside #expect, which would spend minutes to describe a difference.
            let same = (a.y + a.dx).map(\.bitPattern) == (b.y + b.dx).map(\.bitPattern)
            #expect(same, "\(type) \(shape)")
        }
    }

    @Test(arguments: [ComputeType.bfloat16, .float16])
    func rowsDoNotDependOnTheirNeighbours(type: ComputeType) throws {
        guard let backend = try backend(type, emulated: true) else { return }
        var numbers = SeededNumbers(seed: 9)
        let w = try frozen(numbers.matrix(rows: 65, columns: 97))
        let x = numbers.matrix(rows: 13, columns: 97)
        let dy = numbers.matrix(rows: 13, columns: 65)
        let together = products(backend, x, dy, w)
        for split in 1..<13 {
            let parts = [0..<split, split..<13].map {
                products(backend, x.rows($0), dy.rows($0), w)
            }
            let sameForward =
                (parts[0].y + parts[1].y).map(\.bitPattern) == together.y.map(\.bitPattern)
            let sameBackward =
                (parts[0].dx + parts[1].dx).map(\.bitPattern) == together.dx.map(\.bitPattern)
            #expect(sameForward && sameBackward, "split at \(split)")
        }
    }

    /// A broken number must be seen by the exact sum, not be scaled away.
    @Test(arguments: [ComputeType.bfloat16, .float16])
    func notANumberSurvives(type: ComputeType) throws {
        guard let backend = try backend(type, emulated: true) else { return }
        var numbers = SeededNumbers(seed: 10)
        let w = try frozen(numbers.matrix(rows: 64, columns: 40))
        let dy = numbers.matrix(rows: 2, columns: 64)
        for broken in [Float.nan, .infinity] {
            let x = numbers.matrix(rows: 2, columns: 40)
            x.pointer[7] = broken
            let (y, _) = products(backend, x, dy, w)
            #expect(y.prefix(64).allSatisfy { !$0.isFinite }, "\(broken)")
            #expect(y.suffix(64).allSatisfy { $0.isFinite }, "\(broken) leaks into another row")
        }
    }

    @Test func refusalNamesTheProcessor() throws {
        for type in [ComputeType.bfloat16, .float16] where !type.isNative {
            let error = #expect(throws: KernelError.self) {
                try Backend(level: .best, compute: type)
            }
            #expect(error?.location == "--compute")
            #expect(error?.problem.contains("this processor lacks it") == true)
        }
        guard ComputeType.bfloat16.isNative else { return }
        let error = #expect(throws: KernelError.self) {
            try Backend(level: .avx2, compute: .bfloat16)
        }
        #expect(error?.problem.contains("--kernels avx512") == true)
    }
}
