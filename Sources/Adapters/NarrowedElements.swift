import Tensors

/// Float32 numbers as the bytes of a narrower type, rounded to the nearest, ties to even.
enum NarrowedElements {
    /// The bytes of `source` in `format`.
    ///
    /// - Returns: `nil` if a number is beyond what the type can hold.
    /// - Precondition: The elements of `format` stand alone.
    static func bytes(
        of source: UnsafeBufferPointer<Float>, as format: BlockFormat
    ) -> [UInt8]? {
        if format == .float32 { return [UInt8](UnsafeRawBufferPointer(source)) }
        guard let scalar = format.scalar else { preconditionFailure("blocks are not written") }
        let size = format.bytes
        var fits = true
        let bytes = [UInt8](unsafeUninitializedCapacity: size * source.count) { target, count in
            for value in source {
                guard let bits = scalar.narrow(value) else {
                    fits = false
                    break
                }
                for byte in 0..<size {
                    target[count + byte] = UInt8(truncatingIfNeeded: bits >> (8 * byte))
                }
                count += size
            }
        }
        return fits ? bytes : nil
    }
}
