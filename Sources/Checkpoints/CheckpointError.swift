public import Faults
import Glibc

/// A checkpoint or a durable file that cannot be written, read or trusted.
public struct CheckpointError: Fault, Equatable {
    public let problem: String
    public let location: String?
    public let hint: String?
    public let exitCode: ExitCode
    let cause: Cause

    /// Decides whether a reader may fall back to an older checkpoint.
    enum Cause: Equatable {
        /// The bytes on disk are not those that were saved: an older checkpoint may serve.
        case damage
        /// A system call failed with this `errno`.
        case system(Int32)
        /// Written by a newer program, or asked for wrongly: falling back would lose work.
        case refusal
    }

    init(
        _ problem: String, at location: String?, hint: String?, exitCode: ExitCode, cause: Cause
    ) {
        self.problem = problem
        self.location = location
        self.hint = hint
        self.exitCode = exitCode
        self.cause = cause
    }

    static func damage(_ problem: String, at location: String) -> CheckpointError {
        CheckpointError(
            problem, at: location, hint: "Restore it from a copy or remove this checkpoint",
            exitCode: .badInput, cause: .damage)
    }

    static func refusal(_ problem: String, at location: String?, hint: String) -> CheckpointError {
        CheckpointError(
            problem, at: location, hint: hint, exitCode: .badInput, cause: .refusal)
    }

    /// `doing` says what failed, as in "cannot be written".
    static func system(_ errorNumber: Int32, _ doing: String, at location: String)
        -> CheckpointError
    {
        CheckpointError(
            "\(doing) (\(String(cString: strerror(errorNumber))))", at: location,
            hint: advice(errorNumber), exitCode: mayPass(errorNumber) ? .tryAgain : .badInput,
            cause: .system(errorNumber))
    }

    /// Whether the same command may succeed later without anybody changing its arguments.
    private static func mayPass(_ errorNumber: Int32) -> Bool {
        [
            ENOSPC, EDQUOT, EIO, EAGAIN, EINTR, ENOMEM, EMFILE, ENFILE, ESTALE, EBUSY, ETIMEDOUT,
            EFBIG,
        ].contains(errorNumber)
    }

    private static func advice(_ errorNumber: Int32) -> String? {
        switch errorNumber {
        case ENOSPC, EDQUOT:
            "Free space on that file system, or keep fewer checkpoints (--keep)"
        case EFBIG: "Raise the file size limit (ulimit -f)"
        case EACCES, EPERM, EROFS: "Make it accessible to this user, or choose another --out"
        case EIO: "The disk or network file system failed; its log says more"
        case ENOENT, ENOTDIR: "Check the path"
        default: nil
        }
    }
}
