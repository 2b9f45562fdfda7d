/// How the elements of a stored tensor are encoded.
///
/// The block types are those of GGUF: 32 elements share a scale (and, for `q4_1`, a minimum).
/// Source: ggml `ggml-common.h` (`block_q4_0`, `block_q4_1`, `block_q8_0`).
public enum ElementType: String, Sendable, CaseIterable {
    case float32 = "F32"
    case float16 = "F16"
    case bfloat16 = "BF16"
    /// `x = d·(q − 8)`; float16 `d`, then 16 bytes: low nibbles hold elements 0-15, high 16-31.
    case q4_0 = "Q4_0"
    /// `x = d·q + m`; float16 `d`, float16 `m`, then 16 bytes as in ``q4_0``.
    case q4_1 = "Q4_1"
    /// `x = d·q`; float16 `d`, then 32 signed bytes.
    case q8_0 = "Q8_0"

    /// Elements that are encoded together.
    public var elementsPerBlock: Int {
        switch self {
        case .float32, .float16, .bfloat16: 1
        case .q4_0, .q4_1, .q8_0: 32
        }
    }

    /// Bytes of one block.
    public var bytesPerBlock: Int {
        switch self {
        case .float32: 4
        case .float16, .bfloat16: 2
        case .q4_0: 18
        case .q4_1: 20
        case .q8_0: 34
        }
    }

    /// Bytes of a row of `elements`, or `nil` if they do not fill whole blocks or overflow `Int`.
    public func byteCount(elements: Int) -> Int? {
        guard elements >= 0, elements.isMultiple(of: elementsPerBlock) else { return nil }
        let (bytes, overflow) = (elements / elementsPerBlock)
            .multipliedReportingOverflow(by: bytesPerBlock)
        return overflow ? nil : bytes
    }
}
