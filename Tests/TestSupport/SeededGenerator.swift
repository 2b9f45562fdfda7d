import Foundation

/// Random numbers of a test: other ones in each run, from a seed that is printed, so that a failure
/// can be repeated with `LORA_TEST_SEED`.
///
/// Source: Steele, Lea & Flood 2014, SplitMix64.
public struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    /// - Parameter test: Named in the line that tells the seed.
    public init(test: String = #function) {
        let given = ProcessInfo.processInfo.environment["LORA_TEST_SEED"].flatMap(UInt64.init)
        state = given ?? UInt64.random(in: .min ... .max)
        print("seed of \(test): LORA_TEST_SEED=\(state)")
    }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}
