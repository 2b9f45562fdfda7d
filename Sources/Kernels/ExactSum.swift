import CKernels
public import Tensors

/// Order-independent sums of float32 gradients, kept as 64-bit integers.
///
/// Every tensor has an exponent `E`. With `k = ⌈log₂(slices in the step)⌉` an element `g` counts as
/// `rint(g · 2^(62−k−E))`; as `|g| < 2^E` for each, no partial sum of the step can overflow in any
/// order, and integer addition is associative: the same bits on any ranks and lanes.
///
/// Used by one thread at a time; lanes that add to one sum take turns.
///
/// Source: Hallberg & Adcroft 2014, "An order-invariant real-to-integer conversion sum".
public final class ExactSum {
    /// `E` of a tensor that has not had a non-zero gradient yet.
    public static let noExponent = Int64(Int32.min)

    /// Binary exponents above the largest element that a good step leaves as head-room.
    static let headRoom: Int64 = 8
    /// The same after a step that had to be computed again.
    static let headRoomAfterOverflow: Int64 = 2

    /// Elements of each tensor, one after the other in the flat gradient.
    public let tensors: [Range<Int>]
    /// `E` of each tensor: part of the run's state.
    public private(set) var exponents: [Int64]
    /// The sums, to be reduced over ranks.
    public var sums: [Int64]
    /// Largest exponent that each tensor's gradients had in this step, to be reduced with MAX.
    public var seenExponents: [Int64]
    /// 1 for each tensor with a NaN or infinity in this step, to be reduced with MAX.
    public var nonFinite: [Int64]

    /// - Parameter companions: Room for so many numbers that travel with the sums.
    /// - Precondition: one exponent a tensor.
    public init(tensors: [Range<Int>], exponents: [Int64]? = nil, companions: Int = 0) {
        self.tensors = tensors
        self.exponents = exponents ?? [Int64](repeating: Self.noExponent, count: tensors.count)
        precondition(self.exponents.count == tensors.count, "one exponent a tensor")
        let count = tensors.last?.upperBound ?? 0
        sums = []
        sums.reserveCapacity(count + companions)
        sums.append(contentsOf: repeatElement(0, count: count))
        seenExponents = [Int64](repeating: Self.noExponent, count: tensors.count)
        nonFinite = [Int64](repeating: 0, count: tensors.count)
    }

    /// Takes back what ``conclude()`` raised: a step begins once more from its own exponents.
    public func restore(exponents: [Int64]) {
        precondition(exponents.count == tensors.count, "one exponent a tensor")
        self.exponents = exponents
    }

    /// Forgets the sums, keeps the exponents.
    public func begin() {
        for index in sums.indices { sums[index] = 0 }
        for index in tensors.indices {
            seenExponents[index] = Self.noExponent
            nonFinite[index] = 0
        }
    }

    /// Adds one slice's gradient. Tensors that do not fit their exponent are only measured.
    public func add(_ gradient: FloatBuffer, slicesInStep: Int) {
        for (index, range) in tensors.enumerated() {
            let elements = gradient.pointer + range.lowerBound
            var finite = true
            let largest = Int64(ck_largest_exponent(elements, range.count, &finite))
            if !finite { nonFinite[index] = 1 }
            seenExponents[index] = max(seenExponents[index], largest)
            guard finite, largest != Self.noExponent, largest <= exponents[index] else { continue }
            let scale = Self.scale(exponent: exponents[index], slicesInStep: slicesInStep)
            sums.withUnsafeMutableBufferPointer { sums in
                guard let start = sums.baseAddress else { return }
                ck_add_exactly(elements, range.count, scale, start + range.lowerBound)
            }
        }
    }

    /// Reduces the sums over ranks, and `companions` with them: one message in place of two.
    ///
    /// - Returns: The companions, reduced.
    public func reduce(
        with companions: [Int64], _ allReduceSum: (inout [Int64]) throws -> Void
    ) rethrows -> [Int64] {
        let count = sums.count
        sums += companions
        defer { sums.removeLast(companions.count) }
        try allReduceSum(&sums)
        return Array(sums[count...])
    }

    /// What the reduced `seenExponents` and `nonFinite` mean for the step; the same on all ranks.
    public enum Verdict: Sendable, Equatable {
        case good
        /// An element did not fit: the exponents were raised, compute the same slices again.
        case again
        /// A NaN or infinity in the tensor of this index: the step must be rejected.
        case reject(tensor: Int)
    }

    /// Judges the step from the *reduced* measurements and updates the exponents.
    public func conclude() -> Verdict {
        if let tensor = nonFinite.firstIndex(where: { $0 != 0 }) { return .reject(tensor: tensor) }
        var overflowed = false
        for index in tensors.indices where seenExponents[index] > exponents[index] {
            overflowed = true
            exponents[index] = seenExponents[index] + Self.headRoomAfterOverflow
        }
        return overflowed ? .again : .good
    }

    /// The exponents of the next step, after a good one. Tensors that were all zero keep theirs.
    ///
    /// Kept apart from ``conclude()``: the sums still stand under the old exponents until read.
    public func finishStep() {
        for index in tensors.indices where seenExponents[index] != Self.noExponent {
            exponents[index] = seenExponents[index] + Self.headRoom
        }
    }

    /// Reads the reduced sums: `gradient = sum · 2^(E+k−62) · factor`, rounded once to float32.
    public func read(into gradient: FloatBuffer, slicesInStep: Int, factor: Double) {
        precondition(gradient.count >= sums.count, "\(gradient.count) of \(sums.count)")
        for (index, range) in tensors.enumerated() {
            guard exponents[index] != Self.noExponent else {
                (gradient.pointer + range.lowerBound).update(repeating: 0, count: range.count)
                continue
            }
            let unit = factor / Self.scale(exponent: exponents[index], slicesInStep: slicesInStep)
            for element in range {
                gradient.pointer[element] = Float(Double(sums[element]) * unit)
            }
        }
    }

    /// `2^(62−k−E)`.
    private static func scale(exponent: Int64, slicesInStep: Int) -> Double {
        var bits: Int64 = 0
        while (1 << bits) < slicesInStep { bits += 1 }
        return Double(sign: .plus, exponent: Int(62 - bits - exponent), significand: 1)
    }
}
