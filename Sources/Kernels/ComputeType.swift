import CKernels
import Faults

/// The type in which frozen weights are multiplied; all else is float32 in any case.
///
/// Low-rank products, norms, attention, softmax and the loss stay in float32. Half precision rounds
/// both operands of a product, which is what most trainers do on a GPU.
public enum ComputeType: String, Sendable, CaseIterable, Codable {
    case float32
    /// AVX512-FP16 (Sapphire Rapids). Rows are scaled by powers of two so that nothing overflows;
    /// sums are widened every 32 products. Relative error of a product about 1e-3.
    case float16
    /// AVX512-BF16 (Zen 4, Cooper Lake, Sapphire Rapids). Sums in float32. Relative error of a
    /// product about 2.4e-3, that of rounding the operands.
    case bfloat16

    /// Whether this processor computes in it by itself.
    public var isNative: Bool { self == .float32 || ck_half_kernels(code, false) != nil }

    /// What a processor needs for it.
    public var requirement: String {
        switch self {
        case .float32: "nothing"
        case .float16: "AVX512-FP16 (Intel Sapphire Rapids or later)"
        case .bfloat16: "AVX512-BF16 (AMD Zen 4, Intel Cooper Lake or Sapphire Rapids, or later)"
        }
    }

    private var code: Int32 {
        switch self {
        case .float32: Int32(ck_float32)
        case .float16: Int32(ck_float16)
        case .bfloat16: Int32(ck_bfloat16)
        }
    }

    /// - Returns: `nil` for float32.
    /// - Throws: ``KernelError`` naming what the processor lacks.
    func kernels(level: KernelLevel, emulated: Bool) throws(KernelError) -> ck_half_kernels? {
        guard self != .float32 else { return nil }
        guard level == .avx512, let kernels = ck_half_kernels(code, emulated) else {
            throw KernelError(
                problem: "is \(rawValue), which needs \(requirement)"
                    + (isNative ? " and --kernels avx512" : "; this processor lacks it"),
                location: "--compute", hint: "Use --compute float32", exitCode: .badInput)
        }
        return kernels.pointee
    }
}
