/// Random numbers as a pure function of (seed, purpose, index): Philox4x32-10.
///
/// There is no state, so nothing has to be saved, restored or shared between ranks.
/// Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3".
public struct CounterRandom: Sendable {
    /// What a number is for. Each purpose is an independent stream; values are part of the
    /// file format of runs and never change.
    public enum Purpose: UInt32, Sendable {
        case adapterInitialisation = 1
        case sampleOrder = 2
        case dropout = 3
        case sampling = 4
        case extraVisits = 5
    }

    private let key: SIMD2<UInt32>
    private let purpose: UInt32

    public init(seed: UInt64, purpose: Purpose) {
        key = SIMD2(UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32))
        self.purpose = purpose.rawValue
    }

    /// 128 random bits for one pair of indices.
    ///
    /// - Parameters:
    ///   - stream: e.g. the epoch, or the index of a tensor; 32 bits are used.
    ///   - index: e.g. the sample or the element.
    public func bits(stream: UInt32, index: UInt64) -> SIMD4<UInt32> {
        Self.philox(
            counter: SIMD4(
                UInt32(truncatingIfNeeded: index), UInt32(truncatingIfNeeded: index >> 32),
                stream, purpose),
            key: key)
    }

    /// Uniform in [0, 1), a multiple of 2⁻⁵³.
    public func uniform(stream: UInt32, index: UInt64) -> Double {
        let words = bits(stream: stream, index: index)
        let wide = UInt64(words[0]) << 32 | UInt64(words[1])
        return Double(wide >> 11) * 0x1p-53
    }

    /// The ten rounds, as in the paper (checked against its known answers in the tests).
    public static func philox(counter: SIMD4<UInt32>, key: SIMD2<UInt32>) -> SIMD4<UInt32> {
        var counter = counter
        var key = key
        for _ in 0..<10 {
            let first = UInt64(0xD251_1F53) &* UInt64(counter[0])
            let second = UInt64(0xCD9E_8D57) &* UInt64(counter[2])
            counter = SIMD4(
                UInt32(second >> 32) ^ counter[1] ^ key[0],
                UInt32(truncatingIfNeeded: second),
                UInt32(first >> 32) ^ counter[3] ^ key[1],
                UInt32(truncatingIfNeeded: first))
            key = key &+ SIMD2(0x9E37_79B9, 0xBB67_AE85)
        }
        return counter
    }
}
