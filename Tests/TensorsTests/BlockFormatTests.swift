import Tensors
import Testing

@Suite struct BlockFormatTests {
    /// Files name formats by number or name: each may stand in the table once.
    @Test func namesAndNumbersAreUnique() {
        #expect(Set(BlockFormat.table.map(\.name)).count == BlockFormat.table.count)
        #expect(Set(BlockFormat.table.map(\.ggufNumber)).count == BlockFormat.table.count)
        let kernels = BlockFormat.computable.compactMap(\.kernel)
        #expect(Set(kernels).count == kernels.count)
    }

    /// Every number of 16 bits that is not NaN or infinite comes back as it was.
    @Test(arguments: [BlockFormat.float16, .bfloat16]) func scalarsRoundTrip(format: BlockFormat)
        throws
    {
        let scalar = try #require(format.scalar)
        let wrong = (UInt32(0)..<1 << 16).filter { bits in
            let value = scalar.widen(bits)
            return scalar.narrow(value) != (value.isFinite ? bits : nil)
        }
        #expect(wrong.isEmpty)
    }

    @Test func rowsFillWholeBlocks() {
        #expect(BlockFormat.named("Q4_1").byteCount(elements: 64) == 40)
        #expect(BlockFormat.named("Q4_1").byteCount(elements: 33) == nil)
        #expect(BlockFormat.float32.byteCount(elements: Int.max) == nil)
    }
}
