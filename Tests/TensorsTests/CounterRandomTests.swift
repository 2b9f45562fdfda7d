import Tensors
import Testing

@Suite struct CounterRandomTests {
    /// The known answers that come with the authors' Random123 (`kat_vectors`, philox4x32-10).
    @Test(arguments: [
        (
            SIMD4<UInt32>(repeating: 0), SIMD2<UInt32>(repeating: 0),
            SIMD4<UInt32>(0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8)
        ),
        (
            SIMD4<UInt32>(repeating: .max), SIMD2<UInt32>(repeating: .max),
            SIMD4<UInt32>(0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd)
        ),
        (
            SIMD4<UInt32>(0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344),
            SIMD2<UInt32>(0xa409_3822, 0x299f_31d0),
            SIMD4<UInt32>(0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1)
        ),
    ])
    func knownAnswers(
        counter: SIMD4<UInt32>, key: SIMD2<UInt32>, expected: SIMD4<UInt32>
    ) {
        #expect(CounterRandom.philox(counter: counter, key: key) == expected)
    }

    @Test func streamsAndPurposesDiffer() {
        let order = CounterRandom(seed: 1, purpose: .sampleOrder)
        let sampling = CounterRandom(seed: 1, purpose: .sampling)
        let first = order.bits(stream: 0, index: 0)
        #expect(first == order.bits(stream: 0, index: 0))
        #expect(first != order.bits(stream: 1, index: 0))
        #expect(first != order.bits(stream: 0, index: 1))
        #expect(first != sampling.bits(stream: 0, index: 0))
        #expect(first != CounterRandom(seed: 2, purpose: .sampleOrder).bits(stream: 0, index: 0))
    }

    /// Every tenth of [0, 1) gets its share of 10,000 numbers, to six standard deviations.
    @Test func uniformFillsTheInterval() {
        let random = CounterRandom(seed: 3, purpose: .sampling)
        var bins = [Int](repeating: 0, count: 10)
        for index in 0..<10_000 {
            let value = random.uniform(stream: 0, index: UInt64(index))
            #expect(value >= 0 && value < 1)
            bins[Int(value * 10)] += 1
        }
        for bin in bins { #expect(abs(bin - 1000) < 180, "\(bins)") }
    }
}
