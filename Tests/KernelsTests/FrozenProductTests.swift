import Files
import Foundation
import Kernels
import Tensors
import TestSupport
import Testing

/// Products with frozen weights against sums in float64, for every stored type.
@Suite(.serialized, .vectorLevelTurn) struct FrozenProductTests {
    /// Sizes around the edges of a tile (6 rows, 16 or 64 columns), of a panel (64 columns) and of
    /// its depth (640).
    private static let shapes: [(tokens: Int, outputs: Int, inputs: Int)] = [
        (1, 32, 32), (5, 64, 32), (6, 96, 64), (7, 33, 96), (13, 65, 640), (12, 130, 672),
        (61, 700, 1312), (3, 1, 32),
    ]

    /// A weight of `type` with its elements, written to a file and mapped like a model's.
    private func weight(
        _ type: BlockFormat, rows: Int, columns: Int, order: RowOrder = .asModel,
        _ numbers: inout SeededNumbers
    ) throws -> (FrozenWeight, [Float]) {
        let perRow = try #require(type.byteCount(elements: columns))
        var bytes = [UInt8](repeating: 0, count: rows * perRow)
        for index in bytes.indices { bytes[index] = UInt8(numbers.next(in: 0..<256)) }
        // Random exponents would be huge or NaN: the bytes that hold them are made ordinary.
        let exponents: [Int] =
            switch type {
            case .float32, .q4_1: [3, 1]
            default: [1]
            }
        let isHalf = type != .float32 && type != .bfloat16
        for start in stride(from: 0, to: bytes.count, by: type.bytes) {
            for place in exponents.map({ start + $0 }) {
                bytes[place] = bytes[place] & 0x80 | (isHalf ? 0x34 : 0x3f)
            }
        }
        let path = NSTemporaryDirectory() + "weight-\(UUID().uuidString)"
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        let file = try MappedFile(path: path)
        let start = try #require(file.bytes.baseAddress)
        let matrix = FrozenWeight(
            format: type, rows: rows, columns: columns, bytes: start, owner: file,
            rowOrder: order)
        let values = (0..<rows).flatMap { row in
            (0..<columns).map { Self.element(matrix, row, $0) }
        }
        return (matrix, values)
    }

    /// One stored element, decoded by the words of the formats' definitions.
    private static func element(_ weight: FrozenWeight, _ row: Int, _ column: Int) -> Float {
        let type = weight.format
        let (block, place) = column.quotientAndRemainder(dividingBy: type.elements)
        let at = weight.rowPointer(row) + block * type.bytes
        func half(_ offset: Int) -> Float {
            Float(Float16(bitPattern: at.loadUnaligned(fromByteOffset: offset, as: UInt16.self)))
        }
        func nibble(_ offset: Int) -> Float {
            let byte = at.load(fromByteOffset: offset + place % 16, as: UInt8.self)
            return Float(place < 16 ? byte & 15 : byte >> 4)
        }
        switch type {
        case .float32: return at.loadUnaligned(as: Float.self)
        case .float16: return half(0)
        case .bfloat16:
            return Float(bitPattern: UInt32(at.loadUnaligned(as: UInt16.self)) << 16)
        case .q8_0:
            return Float(at.load(fromByteOffset: 2 + place, as: Int8.self)) * half(0)
        case .q4_0: return (nibble(2) - 8) * half(0)
        case .q4_1: return nibble(4) * half(0) + half(2)
        default: preconditionFailure("no definition of \(type) here")
        }
    }

    private func scratch() -> Scratch {
        Scratch(longestSegment: 1, logitRows: 1, vocabularySize: 1)
    }

    private func project(_ backend: Backend, _ x: HostMatrix, _ weight: FrozenWeight) -> HostMatrix
    {
        let y = Matrix(
            FloatBuffer(count: x.rows * weight.rows), rows: x.rows, columns: weight.rows)
        backend.project(x, weight, into: y, scratch: scratch())
        return y
    }

    private func projectBack(
        _ backend: Backend, _ dy: HostMatrix, _ weight: FrozenWeight,
        addingTo start: HostMatrix? = nil
    ) -> HostMatrix {
        let count = dy.rows * weight.columns
        let dx = Matrix(FloatBuffer(count: count), rows: dy.rows, columns: weight.columns)
        if let start { dx.pointer.update(from: start.pointer, count: count) }
        backend.projectBack(dy, weight, into: dx, adding: start != nil, scratch: scratch())
        return dx
    }

    /// Rounding of a chain of n float32 operations is below n · 2⁻²⁴ · Σ|terms|.
    private func expect(
        _ found: Float, _ terms: some Collection<Double>, _ label: @autoclosure () -> String
    ) {
        let sum = terms.reduce(0, +)
        let magnitude = terms.reduce(0) { $0 + abs($1) }
        let bound = Double(terms.count + 2) * 0x1p-24 * magnitude
        #expect(abs(Double(found) - sum) <= bound, "\(label()): \(found), not \(sum)")
    }

    @Test(arguments: BlockFormat.computable)
    func bothDirections(type: BlockFormat) throws {
        let backend = try Backend(level: .best)
        defer { KernelLevel.best.selectVectors() }
        for shape in Self.shapes {
            var numbers = SeededNumbers(seed: shape.inputs + shape.outputs)
            let (weight, w) = try weight(
                type, rows: shape.outputs, columns: shape.inputs, &numbers)
            let x = numbers.matrix(rows: shape.tokens, columns: shape.inputs)
            let dy = numbers.matrix(rows: shape.tokens, columns: shape.outputs)
            let start = numbers.matrix(rows: shape.tokens, columns: shape.inputs)
            for level in KernelLevel.allCases where level <= .best {
                level.selectVectors()
                let y = project(backend, x, weight)
                let dx = projectBack(backend, dy, weight)
                let sum = projectBack(backend, dy, weight, addingTo: start)
                // Every element of small products, a scattering of the large ones.
                let step = max(1, shape.tokens * shape.outputs * shape.inputs / 200_000)
                for place in stride(from: 0, to: shape.tokens * shape.outputs, by: step) {
                    let (token, output) = place.quotientAndRemainder(dividingBy: shape.outputs)
                    let terms = (0..<shape.inputs).map {
                        x[token, $0] * Double(w[output * shape.inputs + $0])
                    }
                    expect(y.values[place], terms, "\(type) \(level) \(shape) y[\(place)]")
                }
                for place in stride(from: 0, to: shape.tokens * shape.inputs, by: step) {
                    let (token, input) = place.quotientAndRemainder(dividingBy: shape.inputs)
                    let terms = (0..<shape.outputs).map {
                        dy[token, $0] * Double(w[$0 * shape.inputs + input])
                    }
                    expect(dx.values[place], terms, "\(type) \(level) \(shape) dx[\(place)]")
                    expect(
                        sum.values[place], [start[token, input]] + terms,
                        "\(type) \(level) \(shape) sum[\(place)]")
                }
            }
        }
    }

    /// What makes the frozen products of a run the same on processors of different width.
    @Test func fusedLevelsAgreeBitForBit() throws {
        guard KernelLevel.best > .avx2 else { return }
        let backend = try Backend(level: .best)
        defer { KernelLevel.best.selectVectors() }
        for shape in Self.shapes {
            var numbers = SeededNumbers(seed: shape.inputs)
            let (weight, _) = try weight(
                .bfloat16, rows: shape.outputs, columns: shape.inputs, &numbers)
            let x = numbers.matrix(rows: shape.tokens, columns: shape.inputs)
            let dy = numbers.matrix(rows: shape.tokens, columns: shape.outputs)
            let results = [KernelLevel.avx2, .avx512].map { level in
                level.selectVectors()
                return project(backend, x, weight).values + projectBack(backend, dy, weight).values
            }
            // Compared outside #expect, which would spend minutes to describe a difference.
            let same = results[0].map(\.bitPattern) == results[1].map(\.bitPattern)
            #expect(same, "\(shape)")
        }
    }

    @Test func rowsDoNotDependOnTheirNeighbours() throws {
        let backend = try Backend(level: .best)
        var numbers = SeededNumbers(seed: 5)
        let (weight, _) = try weight(.q8_0, rows: 130, columns: 672, &numbers)
        let x = numbers.matrix(rows: 13, columns: 672)
        let together = project(backend, x, weight).values
        for split in 1..<13 {
            let parts = [0..<split, split..<13].flatMap {
                project(backend, x.rows($0), weight).values
            }
            let same = parts.map(\.bitPattern) == together.map(\.bitPattern)
            #expect(same, "split at \(split)")
        }
    }

    @Test func windowsAndInterleavedRows() throws {
        let backend = try Backend(level: .best)
        var numbers = SeededNumbers(seed: 6)
        let (weight, w) = try weight(
            .float32, rows: 64, columns: 96, order: .interleavedHalves(headDimension: 16), &numbers)
        let wide = numbers.matrix(rows: 4, columns: 200)
        let x = wide.columns(50..<146)
        let target = numbers.matrix(rows: 4, columns: 100)
        let before = target.values
        backend.project(x, weight, into: target.columns(20..<84), scratch: scratch())
        for token in 0..<4 {
            for column in 0..<100 {
                guard (20..<84).contains(column) else {
                    #expect(target.values[token * 100 + column] == before[token * 100 + column])
                    continue
                }
                let terms = (0..<96).map {
                    x[token, $0] * Double(w[(column - 20) * 96 + $0])
                }
                expect(target.values[token * 100 + column], terms, "[\(token), \(column)]")
            }
        }
        let (back, wBack) = try self.weight(
            .q4_0, rows: 32, columns: 64, order: .interleavedHalves(headDimension: 8), &numbers)
        let dy = numbers.matrix(rows: 3, columns: 32)
        let dx = projectBack(backend, dy, back).values
        for place in dx.indices {
            let (token, input) = place.quotientAndRemainder(dividingBy: 64)
            expect(
                dx[place], (0..<32).map { dy[token, $0] * Double(wBack[$0 * 64 + input]) },
                "dx[\(place)]")
        }
    }
}

extension BlockFormat {
    static let q8_0 = named("Q8_0")
    static let q4_0 = named("Q4_0")
    static let q4_1 = named("Q4_1")
}
