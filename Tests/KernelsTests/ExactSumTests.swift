import Foundation
import Kernels
import Tensors
import TestSupport
import Testing

@Suite(.serialized, .vectorLevelTurn) struct ExactSumTests {
    private func buffer(_ values: [Float]) -> FloatBuffer {
        let buffer = FloatBuffer(count: values.count)
        for (index, value) in values.enumerated() { buffer.pointer[index] = value }
        return buffer
    }

    private func read(_ sum: ExactSum, slices: Int, factor: Double = 1) -> [Float] {
        let result = FloatBuffer(count: sum.sums.count)
        sum.read(into: result, slicesInStep: slices, factor: factor)
        return Array(result.elements)
    }

    /// The life of an exponent: none, raised by 2 after an overflow, 8 above after a good step.
    @Test func exponents() {
        let sum = ExactSum(tensors: [0..<2, 2..<3])
        let gradient = buffer([3, -0.25, 0])
        sum.begin()
        sum.add(gradient, slicesInStep: 1)
        // 3 < 2²: exponent 2. The second tensor is all zero and asks for nothing.
        #expect(sum.conclude() == .again)
        #expect(sum.exponents == [4, ExactSum.noExponent])
        sum.begin()
        sum.add(gradient, slicesInStep: 1)
        #expect(sum.conclude() == .good)
        #expect(read(sum, slices: 1) == [3, -0.25, 0])
        #expect(read(sum, slices: 1, factor: 0.5) == [1.5, -0.125, 0])
        sum.finishStep()
        #expect(sum.exponents == [10, ExactSum.noExponent])
    }

    /// A power of two is not below itself: |g| < 2^E is strict.
    @Test func admissibleIsStrict() {
        let sum = ExactSum(tensors: [0..<1], exponents: [3])
        sum.begin()
        sum.add(buffer([8]), slicesInStep: 1)
        #expect(sum.conclude() == .again)
        #expect(sum.exponents == [6])
        let below = ExactSum(tensors: [0..<1], exponents: [3])
        below.begin()
        below.add(buffer([Float(8).nextDown]), slicesInStep: 1)
        #expect(below.conclude() == .good)
        #expect(read(below, slices: 1) == [Float(8).nextDown])
    }

    @Test(arguments: [Float.nan, .infinity, -.infinity])
    func nonFiniteIsRejected(value: Float) {
        let sum = ExactSum(tensors: [0..<1, 1..<20], exponents: [5, 5])
        sum.begin()
        var values = [Float](repeating: 1, count: 20)
        values[18] = value
        sum.add(buffer(values), slicesInStep: 2)
        #expect(sum.conclude() == .reject(tensor: 1))
        #expect(sum.exponents == [5, 5])
    }

    /// Any order, any grouping, every SIMD level: the same integers. And they are right: within
    /// half a unit a summand of the sum in float64.
    @Test func orderDoesNotMatter() throws {
        for (seed, count) in [(1, 1), (2, 7), (3, 8), (4, 9), (5, 1003)] {
            var numbers = SeededNumbers(seed: seed)
            let slices = 13
            let gradients = (0..<slices).map { index in
                buffer(numbers.array(count, scale: pow(10, Double(index % 5) - 3)))
            }
            var results: Set<[Int64]> = []
            for level in KernelLevel.allCases where level <= .best {
                level.selectVectors()
                for order in [Array(0..<slices), Array((0..<slices).reversed())] {
                    let whole = ExactSum(tensors: [0..<count], exponents: [4])
                    whole.begin()
                    for index in order { whole.add(gradients[index], slicesInStep: slices) }
                    results.insert(whole.sums)
                    // Three ranks, added afterwards.
                    let parts = (0..<3).map { rank in
                        let part = ExactSum(tensors: [0..<count], exponents: [4])
                        part.begin()
                        for index in order where index % 3 == rank {
                            part.add(gradients[index], slicesInStep: slices)
                        }
                        return part.sums
                    }
                    results.insert((0..<count).map { parts[0][$0] &+ parts[1][$0] &+ parts[2][$0] })
                    for element in 0..<count {
                        let exact = gradients.reduce(0.0) { $0 + Double($1.pointer[element]) }
                        let unit = pow(2.0, Double(4 + 4 - 62))
                        let found = Double(whole.sums[element]) * unit
                        #expect(abs(found - exact) <= Double(slices) * unit + 1e-15 * abs(exact))
                    }
                }
            }
            #expect(results.count == 1)
        }
    }

    /// The largest admissible sum stays inside 64 bits: 8 slices of just below 2^E each.
    @Test func noOverflow() {
        for slices in [1, 2, 3, 8] {
            let sum = ExactSum(tensors: [0..<9], exponents: [0])
            sum.begin()
            for _ in 0..<slices {
                sum.add(
                    buffer([Float](repeating: Float(1).nextDown, count: 9)), slicesInStep: slices)
            }
            let expected = Float(Double(slices) * Double(Float(1).nextDown))
            #expect(read(sum, slices: slices) == [Float](repeating: expected, count: 9))
        }
    }
}
