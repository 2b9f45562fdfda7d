public import Tensors

/// A pseudorandom permutation of `0 ..< count` without a table: any value of it in O(1).
///
/// A balanced Feistel network over the next power of four that holds `count` (at least 256), whose
/// round function is Philox; a value outside is permuted again until it falls inside, which takes
/// fewer than four rounds through the network on average (for `count` above 64) and leaves a
/// permutation, as walking along a cycle does. Nothing of it has to be stored: a position of an
/// epoch is found again by asking for it.
/// Sources: Luby and Rackoff 1988, "How to construct pseudorandom permutations from pseudorandom
/// functions"; Black and Rogaway 2002, "Ciphers with arbitrary finite domains" (cycle walking).
public struct IndexPermutation: Sendable {
    public let count: Int
    private let random: CounterRandom
    private let stream: UInt32
    private let family: UInt64
    private let halfBits: UInt64

    /// Four rounds suffice for a good round function over a large domain; small ones need more.
    private static let rounds: UInt64 = 8
    /// A network over fewer values has too few round functions to look random.
    private static let leastHalfBits: UInt64 = 4

    /// - Parameters:
    ///   - count: At least 1, below 2⁶².
    ///   - random: Seed and purpose.
    ///   - stream: e.g. the epoch.
    ///   - family: Tells permutations of one stream apart; below 256.
    public init(count: Int, random: CounterRandom, stream: UInt32, family: Int = 0) {
        precondition(count > 0 && count < 1 << 62 && family >= 0 && family < 256)
        self.count = count
        self.random = random
        self.stream = stream
        self.family = UInt64(family)
        let bits = UInt64(Int.bitWidth - (count - 1).leadingZeroBitCount)
        halfBits = max(Self.leastHalfBits, (bits + 1) / 2)
    }

    /// Where the permutation sends `index`.
    public subscript(index: Int) -> Int {
        precondition(index >= 0 && index < count, "\(index) of \(count)")
        var value = UInt64(index)
        repeat { value = network(value) } while value >= UInt64(count)
        return Int(value)
    }

    private func network(_ value: UInt64) -> UInt64 {
        let mask = 1 << halfBits - 1 as UInt64
        var (left, right) = (value >> halfBits, value & mask)
        for round in 0..<Self.rounds {
            let words = random.bits(
                stream: stream, index: right | round << 48 | family << 56)
            (left, right) = (right, left ^ (UInt64(words[0]) & mask))
        }
        return left << halfBits | right
    }
}
