import COpenBLAS
public import Faults
import Foundation

/// OpenBLAS, opened at run time with the kernels of one ``KernelLevel`` and a single thread.
struct OpenBLAS: Sendable {
    let multiply: copenblas_sgemm_function
    let identity: KernelIdentity

    /// - Throws: ``KernelError`` if the library is missing or took other kernels than asked for,
    ///   which happens if something else in this process opened it before.
    init(level: KernelLevel) throws(KernelError) {
        setenv("OPENBLAS_CORETYPE", level.openBLASCore, 1)
        setenv("OPENBLAS_NUM_THREADS", "1", 1)
        guard let library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL) else {
            throw KernelError(
                problem: "cannot be opened (\(String(cString: dlerror())))",
                location: "libopenblas.so.0",
                hint: "Install it on every host: apt-get install libopenblas0-pthread",
                exitCode: .badInput)
        }
        multiply = try Self.function("cblas_sgemm", in: library)
        let core: copenblas_text_function = try Self.function("openblas_get_corename", in: library)
        let text: copenblas_text_function = try Self.function("openblas_get_config", in: library)
        let threads: copenblas_set_threads_function = try Self.function(
            "openblas_set_num_threads", in: library)
        threads(1)
        let coreName = core().map { String(cString: $0) } ?? "unknown"
        let version = text().map { String(cString: $0) } ?? "OpenBLAS"
        guard coreName.uppercased() == level.openBLASCore else {
            throw KernelError(
                problem: "took its \(coreName) kernels where \(level.openBLASCore) was asked for",
                location: "OpenBLAS",
                hint: "Choose another level with --kernels, and unset OPENBLAS_CORETYPE",
                exitCode: .badInput)
        }
        identity = KernelIdentity(
            level: level,
            library: version.split(separator: " ").prefix(2).joined(separator: " "),
            core: coreName)
    }

    private static func function<Function>(
        _ name: String, in library: UnsafeMutableRawPointer
    ) throws(KernelError) -> Function {
        guard let symbol = dlsym(library, name) else {
            throw KernelError(
                problem: "has no function \(name)", location: "libopenblas.so.0",
                hint: "Install Debian's libopenblas0-pthread", exitCode: .badInput)
        }
        return unsafeBitCast(symbol, to: Function.self)
    }
}

/// Kernels that cannot be had on this machine.
public struct KernelError: Fault {
    public let problem: String
    public let location: String?
    public let hint: String?
    public let exitCode: ExitCode

    public init(problem: String, location: String?, hint: String?, exitCode: ExitCode) {
        self.problem = problem
        self.location = location
        self.hint = hint
        self.exitCode = exitCode
    }
}
