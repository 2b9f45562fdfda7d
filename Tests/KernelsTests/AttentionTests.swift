import Foundation
import Kernels
import Tensors
import TestSupport
import Testing

@Suite(.serialized, .vectorLevelTurn) struct AttentionTests {
    /// Shapes that differ in what families differ in.
    static func shapes(heads: Int, keyValueHeads: Int, dimension: Int) -> [AttentionShape] {
        func shape(_ scale: Float?, _ cap: Float?, _ window: Int?) -> AttentionShape {
            AttentionShape(
                heads: heads, keyValueHeads: keyValueHeads, dimension: dimension, scale: scale,
                scoreCap: cap, window: window)
        }
        return [
            shape(nil, nil, nil), shape(0.7, nil, nil), shape(nil, 2, nil), shape(nil, nil, 1),
            shape(nil, nil, 3), shape(0.9, 1.5, 4), shape(nil, nil, 128),
        ]
    }

    /// `softmax(q·kᵀ/√d)·v` by the definition, in float64.
    private func reference(
        _ q: HostMatrix, _ k: HostMatrix, _ v: HostMatrix, _ shape: AttentionShape, past: Int
    ) -> [Double] {
        let d = shape.dimension
        var out: [Double] = []
        for row in 0..<q.rows {
            for head in 0..<shape.heads {
                let shared = head / (shape.heads / shape.keyValueHeads) * d
                let first = max(0, past + row + 1 - (shape.window ?? Int.max))
                let scores = (first...past + row).map { key in
                    shape.score(
                        (0..<d).reduce(0.0) { $0 + q[row, head * d + $1] * k[key, shared + $1] })
                }
                let most = scores.max() ?? 0
                let weights = scores.map { exp($0 - most) }
                let total = weights.reduce(0, +)
                for column in 0..<d {
                    out.append(
                        weights.indices.reduce(0) {
                            $0 + weights[$1] * v[first + $1, shared + column]
                        } / total)
                }
            }
        }
        return out
    }

    /// Sizes on both sides of the block of queries (128), with and without a past.
    @Test(arguments: [(1, 0), (5, 0), (17, 3), (127, 0), (129, 0), (1, 130), (200, 9)])
    func forward(tokens: Int, past: Int) throws {
        for shape in Self.shapes(heads: 4, keyValueHeads: 2, dimension: 8) {
            try forward(tokens: tokens, past: past, shape)
        }
    }

    private func forward(tokens: Int, past: Int, _ shape: AttentionShape) throws {
        var numbers = SeededNumbers(seed: tokens * 1000 + past)
        let q = numbers.matrix(rows: tokens, columns: 32, scale: 3)
        let k = numbers.matrix(rows: past + tokens, columns: 16, scale: 3)
        let v = numbers.matrix(rows: past + tokens, columns: 16)
        let expected = reference(q, k, v, shape, past: past)
        let backend = try Backend(level: .best)
        for level in KernelLevel.allCases where level <= .best {
            level.selectVectors()
            let out = Matrix(FloatBuffer(count: tokens * 32), rows: tokens, columns: 32)
            let sums = Matrix(FloatBuffer(count: tokens * 4), rows: tokens, columns: 4)
            backend.attend(
                q, k, v, shape: shape, into: out, logSums: sums, past: past,
                scratch: scratch(past + tokens))
            for (found, wanted) in zip(out.values, expected) {
                #expect(abs(Double(found) - wanted) < 1e-5)
            }
        }
    }

    /// Gradients against central differences of `Σ dout ⊙ attention` in float64.
    @Test(arguments: [1, 3, 6])
    func backward(tokens: Int) throws {
        for shape in Self.shapes(heads: 2, keyValueHeads: 1, dimension: 4) {
            try backward(tokens: tokens, shape)
        }
    }

    private func backward(tokens: Int, _ shape: AttentionShape) throws {
        var numbers = SeededNumbers(seed: 77 + tokens)
        let q = numbers.matrix(rows: tokens, columns: 8)
        let k = numbers.matrix(rows: tokens, columns: 4)
        let v = numbers.matrix(rows: tokens, columns: 4)
        let dout = numbers.matrix(rows: tokens, columns: 8)
        let found = try gradients(q, k, v, dout, shape)

        let point = (q.values + k.values + v.values).map(Double.init)
        let expected = finiteDifferences(point) { point in
            let parts = [(8, 0), (4, tokens * 8), (4, tokens * 12)].map { columns, start in
                let buffer = DoubleMatrix(
                    values: Array(point[start..<start + tokens * columns]), columns: columns)
                return buffer
            }
            let out = DoubleMatrix.attention(parts[0], parts[1], parts[2], shape)
            return zip(out, dout.values).reduce(0) { $0 + $1.0 * Double($1.1) }
        }
        #expect(found.count == expected.count)
        for (index, pair) in zip(found, expected).enumerated() {
            #expect(abs(Double(pair.0) - pair.1) < 2e-5, "[\(index)]: \(pair.0), not \(pair.1)")
        }
    }

    /// A window moves over several blocks of queries, whose first keys nobody sees: dk and dv of the
    /// last keys are those of attention over the last tokens alone.
    @Test func windowAcrossBlocks() throws {
        let shape = AttentionShape(heads: 1, keyValueHeads: 1, dimension: 4, window: 5)
        var numbers = SeededNumbers(seed: 6)
        let (tokens, tail) = (300, 20)
        let q = numbers.matrix(rows: tokens, columns: 4)
        let k = numbers.matrix(rows: tokens, columns: 4)
        let v = numbers.matrix(rows: tokens, columns: 4)
        let dout = numbers.matrix(rows: tokens, columns: 4)
        let all = try gradients(q, k, v, dout, shape)
        // Queries of the first four rows of the tail see keys before it; those that see the last
        // twelve keys do not.
        let rows = tokens - tail..<tokens
        let part = try gradients(
            q.rows(rows), k.rows(rows), v.rows(rows), dout.rows(rows), shape)
        for (index, start) in [tokens * 4, tokens * 8, tokens * 12].enumerated() {
            let found = all[..<start].suffix(12 * 4)
            let expected = part[..<(tail * 4 * (index + 1))].suffix(12 * 4)
            for (one, other) in zip(found, expected) { #expect(abs(one - other) < 1e-5) }
        }
    }

    /// Long segments go through several blocks: the same gradients as one block after the other
    /// would give is what forward parity at 129 shows; here dk, dv sum over blocks to what one
    /// query at a time gives.
    @Test func backwardAcrossBlocks() throws {
        let shape = AttentionShape(heads: 1, keyValueHeads: 1, dimension: 4)
        var numbers = SeededNumbers(seed: 5)
        let tokens = 131
        let q = numbers.matrix(rows: tokens, columns: 4)
        let k = numbers.matrix(rows: tokens, columns: 4)
        let v = numbers.matrix(rows: tokens, columns: 4)
        let dout = numbers.matrix(rows: tokens, columns: 4)
        let found = try gradients(q, k, v, dout, shape)
        let dv = Array(found.suffix(tokens * 4))
        // dv[j] = Σᵢ P[i, j]·dout[i].
        var expected = [Double](repeating: 0, count: tokens * 4)
        for row in 0..<tokens {
            let scores = (0...row).map { key in
                (0..<4).reduce(0.0) { $0 + q[row, $1] * k[key, $1] } / 2
            }
            let weights = scores.map { exp($0) }
            let total = weights.reduce(0, +)
            for key in 0...row {
                for column in 0..<4 {
                    expected[key * 4 + column] += weights[key] / total * dout[row, column]
                }
            }
        }
        for (one, other) in zip(dv, expected) { #expect(abs(Double(one) - other) < 1e-5) }
    }

    private func gradients(
        _ q: HostMatrix, _ k: HostMatrix, _ v: HostMatrix, _ dout: HostMatrix,
        _ shape: AttentionShape
    ) throws -> [Float] {
        let backend = try Backend(level: .best)
        let scratch = scratch(q.rows)
        let out = zeros(like: q)
        let sums = Matrix(
            FloatBuffer(count: q.rows * shape.heads), rows: q.rows, columns: shape.heads)
        backend.attend(q, k, v, shape: shape, into: out, logSums: sums, scratch: scratch)
        let (dq, dk, dv) = (zeros(like: q), zeros(like: k), zeros(like: v))
        backend.attendBack(
            dout, q: q, k: k, v: v, out: out, logSums: sums, shape: shape, dq: dq, dk: dk, dv: dv,
            scratch: scratch)
        return dq.values + dk.values + dv.values
    }

    private func zeros(like x: HostMatrix) -> HostMatrix {
        Matrix(FloatBuffer(count: x.rows * x.columns), rows: x.rows, columns: x.columns)
    }

    private func scratch(_ tokens: Int) -> Scratch {
        Scratch(longestSegment: tokens, logitRows: 1, vocabularySize: 1, capsScores: true)
    }
}

extension AttentionShape {
    /// What enters the softmax, by the definition.
    fileprivate func score(_ product: Double) -> Double {
        let score = product * Double(scale)
        guard let scoreCap else { return score }
        return Double(scoreCap) * tanh(score / Double(scoreCap))
    }
}

/// A matrix of float64 for the definition of attention that finite differences need.
private struct DoubleMatrix {
    let values: [Double]
    let columns: Int
    var rows: Int { values.count / columns }
    subscript(row: Int, column: Int) -> Double { values[row * columns + column] }

    static func attention(
        _ q: DoubleMatrix, _ k: DoubleMatrix, _ v: DoubleMatrix, _ shape: AttentionShape
    ) -> [Double] {
        let d = shape.dimension
        var out: [Double] = []
        for row in 0..<q.rows {
            for head in 0..<shape.heads {
                let shared = head / (shape.heads / shape.keyValueHeads) * d
                let first = max(0, row + 1 - (shape.window ?? Int.max))
                let weights = (first...row).map { key in
                    exp(
                        shape.score(
                            (0..<d).reduce(0.0) {
                                $0 + q[row, head * d + $1] * k[key, shared + $1]
                            }))
                }
                let total = weights.reduce(0, +)
                for column in 0..<d {
                    out.append(
                        weights.indices.reduce(0) {
                            $0 + weights[$1] * v[first + $1, shared + column]
                        } / total)
                }
            }
        }
        return out
    }
}
