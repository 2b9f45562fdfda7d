import CBuildStamp
import Kernels

/// What `--version` says: the version, the commit, what compiled it, and the vector kernels that are in it.
public enum ProgramVersion {
    /// CHANGELOG.md says what it brought.
    private static let number = "0.2.0"

    public static var text: String {
        let levels = KernelLevel.allCases.map { level in
            level == .best ? "\(level.name) (this machine's)" : level.name
        }
        return """
            lora-cluster \(number), commit \(String(cString: lora_build_commit()))
            compiled by Swift \(compiler), \(String(cString: lora_build_c_compiler()))
            kernels: \(levels.joined(separator: ", "))
            """
    }

    private static var compiler: String {
        #if compiler(>=6.5)
            "6.5 or newer"
        #elseif compiler(>=6.4)
            "6.4"
        #elseif compiler(>=6.3)
            "6.3"
        #elseif compiler(>=6.2)
            "6.2"
        #else
            "6.1"
        #endif
    }
}
