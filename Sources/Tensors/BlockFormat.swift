/// How the elements of a stored tensor are encoded: in blocks of `elements`, of `bytes` together.
///
/// ``table`` has every format that a model file may name: those that we decode with their kernel, the
/// others by name and size, so that a file can be checked and refused by name. A format is added by one
/// row and one kernel of `CKernels`.
///
/// - Source: ggml `ggml.h` (`enum ggml_type`), `ggml-common.h` (blocks) and `gguf-py`
///   (`GGML_QUANT_SIZES`); safetensors `Dtype`.
public struct BlockFormat: Sendable {
    /// As GGUF and safetensors name it, e.g. `Q4_0`.
    public let name: String
    /// Elements that are encoded together.
    public let elements: Int
    /// Bytes of one block.
    public let bytes: Int
    /// Number in a GGUF file.
    public let ggufNumber: UInt32
    /// What decodes it in `CKernels` (`ck_float32` and so on); `nil` where we cannot compute with it.
    public let kernel: Int32?
    /// How single elements are read and written; `nil` where they share a block.
    public let scalar: ScalarEncoding?

    private init(
        _ name: String, gguf: UInt32, elements: Int, bytes: Int, kernel: Int32? = nil,
        scalar: ScalarEncoding? = nil
    ) {
        self.name = name
        self.elements = elements
        self.bytes = bytes
        ggufNumber = gguf
        self.kernel = kernel
        self.scalar = scalar
    }

    /// All formats, those that we compute with first.
    public static let table: [BlockFormat] = [
        BlockFormat("F32", gguf: 0, elements: 1, bytes: 4, kernel: 0, scalar: .float32),
        BlockFormat("F16", gguf: 1, elements: 1, bytes: 2, kernel: 1, scalar: .float16),
        BlockFormat("BF16", gguf: 30, elements: 1, bytes: 2, kernel: 2, scalar: .bfloat16),
        // x = d·(q − 8); float16 d, then 16 bytes: low nibbles hold elements 0-15, high 16-31.
        BlockFormat("Q4_0", gguf: 2, elements: 32, bytes: 18, kernel: 4),
        // x = d·q + m; float16 d, float16 m, then 16 bytes as in Q4_0.
        BlockFormat("Q4_1", gguf: 3, elements: 32, bytes: 20, kernel: 5),
        // x = d·q; float16 d, then 32 signed bytes.
        BlockFormat("Q8_0", gguf: 8, elements: 32, bytes: 34, kernel: 3),
        BlockFormat("Q5_0", gguf: 6, elements: 32, bytes: 22),
        BlockFormat("Q5_1", gguf: 7, elements: 32, bytes: 24),
        BlockFormat("Q8_1", gguf: 9, elements: 32, bytes: 36),
        BlockFormat("Q2_K", gguf: 10, elements: 256, bytes: 84),
        BlockFormat("Q3_K", gguf: 11, elements: 256, bytes: 110),
        BlockFormat("Q4_K", gguf: 12, elements: 256, bytes: 144),
        BlockFormat("Q5_K", gguf: 13, elements: 256, bytes: 176),
        BlockFormat("Q6_K", gguf: 14, elements: 256, bytes: 210),
        BlockFormat("Q8_K", gguf: 15, elements: 256, bytes: 292),
        BlockFormat("IQ2_XXS", gguf: 16, elements: 256, bytes: 66),
        BlockFormat("IQ2_XS", gguf: 17, elements: 256, bytes: 74),
        BlockFormat("IQ3_XXS", gguf: 18, elements: 256, bytes: 98),
        BlockFormat("IQ1_S", gguf: 19, elements: 256, bytes: 50),
        BlockFormat("IQ4_NL", gguf: 20, elements: 32, bytes: 18),
        BlockFormat("IQ3_S", gguf: 21, elements: 256, bytes: 110),
        BlockFormat("IQ2_S", gguf: 22, elements: 256, bytes: 82),
        BlockFormat("IQ4_XS", gguf: 23, elements: 256, bytes: 136),
        BlockFormat("I8", gguf: 24, elements: 1, bytes: 1),
        BlockFormat("I16", gguf: 25, elements: 1, bytes: 2),
        BlockFormat("I32", gguf: 26, elements: 1, bytes: 4),
        BlockFormat("I64", gguf: 27, elements: 1, bytes: 8),
        BlockFormat("F64", gguf: 28, elements: 1, bytes: 8),
        BlockFormat("IQ1_M", gguf: 29, elements: 256, bytes: 56),
        BlockFormat("TQ1_0", gguf: 34, elements: 256, bytes: 54),
        BlockFormat("TQ2_0", gguf: 35, elements: 256, bytes: 66),
        BlockFormat("MXFP4", gguf: 39, elements: 32, bytes: 17),
    ]

    public static let float32 = named("F32")
    public static let float16 = named("F16")
    public static let bfloat16 = named("BF16")

    /// Those that we compute with.
    public static let computable = table.filter { $0.kernel != nil }

    /// The format that we compute with under this name, or `nil`.
    public static func computable(_ name: String) -> BlockFormat? {
        computable.first { $0.name == name }
    }

    /// - Returns: `nil` for a number that ggml has not given out.
    public static func gguf(_ number: UInt32) -> BlockFormat? {
        table.first { $0.ggufNumber == number }
    }

    /// - Precondition: The table has it.
    public static func named(_ name: String) -> BlockFormat {
        guard let format = table.first(where: { $0.name == name }) else {
            preconditionFailure("no format \(name)")
        }
        return format
    }

    /// Bytes of a row of `elements`, or `nil` if they do not fill whole blocks or overflow `Int`.
    public func byteCount(elements count: Int) -> Int? {
        guard count >= 0, count.isMultiple(of: elements) else { return nil }
        let (bytes, overflow) = (count / elements).multipliedReportingOverflow(by: bytes)
        return overflow ? nil : bytes
    }
}

extension BlockFormat: Hashable {
    public static func == (a: BlockFormat, b: BlockFormat) -> Bool { a.ggufNumber == b.ggufNumber }
    public func hash(into hasher: inout Hasher) { hasher.combine(ggufNumber) }
}

extension BlockFormat: CustomStringConvertible {
    public var description: String { name }
}

/// How one element is read from its bits and written as them.
public struct ScalarEncoding: Sendable {
    /// Exact.
    public let widen: @Sendable (_ bits: UInt32) -> Float
    /// Rounded to the nearest, ties to even; `nil` for a number that the type cannot hold.
    public let narrow: @Sendable (Float) -> UInt32?
    /// Place among the types of a safetensors file: the reference writer sorts by its own list of types,
    /// last first.
    public let safetensorsOrder: Int

    static let float32 = ScalarEncoding(
        widen: { Float(bitPattern: $0) }, narrow: { $0.bitPattern }, safetensorsOrder: 0)

    static let float16 = ScalarEncoding(
        widen: { Float(Float16(bitPattern: UInt16(truncatingIfNeeded: $0))) },
        narrow: {
            let narrowed = Float16($0)
            return narrowed.isFinite ? UInt32(narrowed.bitPattern) : nil
        }, safetensorsOrder: 2)

    static let bfloat16 = ScalarEncoding(
        widen: { Float(bitPattern: $0 << 16) },
        narrow: { value in
            guard value.isFinite else { return nil }
            let bits = value.bitPattern
            // Half a unit in the last place that stays, less one where that place is even.
            let rounded = (bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16
            return rounded & 0x7F80 == 0x7F80 ? nil : rounded
        }, safetensorsOrder: 1)
}
