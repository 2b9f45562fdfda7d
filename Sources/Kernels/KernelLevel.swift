import CKernels
import Faults
import Foundation

/// How wide the vectors of a run are. All ranks of a run use the same level.
///
/// Our own kernels round alike on every level; OpenBLAS's matrix products do not, which is why the
/// level is part of the ``KernelIdentity``.
public enum KernelLevel: Int32, Sendable, CaseIterable, Comparable {
    /// SSE3, any x86-64 processor.
    case baseline = 0
    /// AVX2 with FMA (Haswell, Zen).
    case avx2 = 1
    /// AVX-512 F, BW, DQ, VL (Skylake-SP, Zen 4).
    case avx512 = 2

    public static func < (a: KernelLevel, b: KernelLevel) -> Bool { a.rawValue < b.rawValue }

    /// The highest level that this machine runs.
    public static var best: KernelLevel { KernelLevel(rawValue: ck_best_level()) ?? .baseline }

    /// Makes our own kernels use the vectors of this level from now on, in the whole process.
    ///
    /// ``Backend/init(level:)`` does so too. OpenBLAS cannot be changed after it was opened, so this
    /// alone is for tests of the promise that the level of our kernels does not show in the result.
    public func selectVectors() { _ = ck_select_level(rawValue) }

    /// Name on the command line.
    public var name: String {
        switch self {
        case .baseline: "baseline"
        case .avx2: "avx2"
        case .avx512: "avx512"
        }
    }

    public init?(name: String) {
        guard let level = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = level
    }

    /// The level that `--kernels` names; `auto` is the best one of this machine.
    ///
    /// - Throws: ``KernelError`` listing the names.
    public init(flag: String) throws(KernelError) {
        guard let level = flag == "auto" ? Self.best : KernelLevel(name: flag) else {
            let names = Self.allCases.map(\.name).joined(separator: ", ")
            throw KernelError(
                problem: "is '\(flag)'; choose among auto, \(names)", location: "--kernels",
                hint: nil, exitCode: .badInput)
        }
        self = level
    }

    /// What `OPENBLAS_CORETYPE` is set to: left alone, OpenBLAS 0.3.21 takes its slowest kernels
    /// on processors that are newer than itself.
    var openBLASCore: String {
        switch self {
        case .baseline: "PRESCOTT"
        case .avx2: "HASWELL"
        case .avx512: "SKYLAKEX"
        }
    }
}

/// What decides the bits of a matrix product, beside its operands.
///
/// Two hosts with equal identities compute equal slices.
public struct KernelIdentity: Sendable, Equatable, Codable, CustomStringConvertible {
    /// Raised by any change of ours that alters bits.
    public static let currentNumericsVersion = 2

    public var level: String
    /// Version and core that OpenBLAS reports after it was opened.
    public var openBLAS: String
    public var numericsVersion: Int
    /// The type in which frozen weights are multiplied.
    public var compute: ComputeType

    public var description: String {
        let type = compute == .float32 ? "" : ", \(compute.rawValue)"
        return "\(openBLAS), \(level)\(type), numerics \(numericsVersion)"
    }

    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        level = try values.decode(String.self, forKey: .level)
        openBLAS = try values.decode(String.self, forKey: .openBLAS)
        numericsVersion = try values.decode(Int.self, forKey: .numericsVersion)
        // Checkpoints of numerics 1 knew float32 alone.
        compute = try values.decodeIfPresent(ComputeType.self, forKey: .compute) ?? .float32
    }

    init(level: KernelLevel, library: String, core: String) {
        self.level = level.name
        // This core's blocking follows the size of the second-level cache.
        let cache = level == .baseline ? " L2 \(sysconf(Int32(_SC_LEVEL2_CACHE_SIZE)))" : ""
        openBLAS = "\(library) \(core)\(cache)"
        numericsVersion = Self.currentNumericsVersion
        compute = .float32
    }
}
