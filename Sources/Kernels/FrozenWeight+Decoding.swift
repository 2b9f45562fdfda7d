import CKernels
import Tensors

/// How a frozen weight's bytes become float32: nothing else knows how they lie.
extension FrozenWeight {
    /// Decodes a window to float32; exact.
    ///
    /// - Parameters:
    ///   - columns: Begin and end between blocks of elements.
    ///   - target: `[rows.count, columns.count]`, rows `stride` elements apart.
    func decode(
        rows: Range<Int>, columns: Range<Int>, into target: UnsafeMutablePointer<Float>,
        stride: Int
    ) {
        let skipped = format.byteCount(ofWholeBlocks: columns.lowerBound)
        // Rows that stand in order are decoded in one call.
        let rowsAtOnce = rowOrder == .asModel ? rows.count : 1
        for row in Swift.stride(from: rows.lowerBound, to: rows.upperBound, by: max(1, rowsAtOnce))
        {
            ck_widen(
                format.decoder, rowPointer(row) + skipped, bytesPerRow,
                target + (row - rows.lowerBound) * stride, stride, rowsAtOnce, columns.count)
        }
    }

    /// Brings a window into the caches; rows that are interleaved stay in their heads.
    func touch(rows: Range<Int>, columns: Range<Int>) {
        ck_touch(
            bytes + rows.lowerBound * bytesPerRow
                + format.byteCount(ofWholeBlocks: columns.lowerBound), bytesPerRow,
            format.byteCount(ofWholeBlocks: columns.count), rows.count)
    }

    /// The numbers as they lie, if they need no decoding.
    var plainRows: UnsafePointer<Float>? {
        guard format == .float32, rowOrder == .asModel, UInt(bitPattern: bytes) % 4 == 0 else {
            return nil
        }
        return bytes.assumingMemoryBound(to: Float.self)
    }
}

extension BlockFormat {
    /// The kernel's number.
    var decoder: Int32 {
        guard let kernel else { preconditionFailure("no kernel decodes \(name)") }
        return kernel
    }

    /// Bytes of `elements` that fill whole blocks.
    func byteCount(ofWholeBlocks elements: Int) -> Int { elements / self.elements * bytes }
}
