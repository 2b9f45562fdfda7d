import Tensors

/// Float32 numbers as the bytes of a narrower type, rounded to the nearest, ties to even.
enum NarrowedElements {
    /// The bytes of `source` in `elementType`.
    ///
    /// - Returns: `nil` if a number is beyond what the type can hold.
    /// - Precondition: `elementType` is float32, float16 or bfloat16.
    static func bytes(
        of source: UnsafeBufferPointer<Float>, as elementType: ElementType
    ) -> [UInt8]? {
        switch elementType {
        case .float32: return [UInt8](UnsafeRawBufferPointer(source))
        case .bfloat16: return halves(of: source, bfloat16)
        case .float16: return halves(of: source, float16)
        case .q4_0, .q4_1, .q8_0: preconditionFailure("blocks are not written")
        }
    }

    /// `narrow` gives the 16 bits of a number, and `nil` for one that is too large.
    private static func halves(
        of source: UnsafeBufferPointer<Float>, _ narrow: (Float) -> UInt16?
    ) -> [UInt8]? {
        var fits = true
        let bytes = [UInt8](unsafeUninitializedCapacity: 2 * source.count) { target, count in
            for (index, value) in source.enumerated() {
                guard let bits = narrow(value) else {
                    fits = false
                    break
                }
                target[2 * index] = UInt8(truncatingIfNeeded: bits)
                target[2 * index + 1] = UInt8(truncatingIfNeeded: bits >> 8)
                count = 2 * index + 2
            }
        }
        return fits ? bytes : nil
    }

    private static func bfloat16(_ value: Float) -> UInt16? {
        guard value.isFinite else { return nil }
        let bits = value.bitPattern
        // Half a unit in the last place that stays, less one where that place is even.
        let rounded = bits &+ 0x7FFF &+ (bits >> 16 & 1)
        let result = UInt16(truncatingIfNeeded: rounded >> 16)
        return result & 0x7F80 == 0x7F80 ? nil : result
    }

    private static func float16(_ value: Float) -> UInt16? {
        let narrowed = Float16(value)
        return narrowed.isFinite ? narrowed.bitPattern : nil
    }
}
