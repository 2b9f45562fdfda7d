public import Faults
import Glibc

/// A file or folder that cannot be written, read or trusted.
public struct FileError: Fault, Equatable {
    public let problem: String
    public let location: String?
    public let hint: String?
    public let exitCode: ExitCode
    public let cause: Cause

    /// Why a call failed, for callers that can do something else about it.
    public enum Cause: Sendable, Equatable {
        /// A system call failed with this `errno`.
        case system(Int32)
        /// The bytes on disk are not those that were written: an older copy may serve.
        case damage
        /// Asked for wrongly, or not to be touched: falling back would lose something.
        case refusal
    }

    /// - Parameters:
    ///   - problem: What is wrong, as it stands behind the path.
    ///   - location: Path of the file or folder.
    ///   - hint: What to do about it.
    ///   - exitCode: ``ExitCode/badInput`` unless trying again can help.
    ///   - cause: What callers decide by.
    public init(
        _ problem: String, at location: String?, hint: String? = nil,
        exitCode: ExitCode = .badInput, cause: Cause
    ) {
        self.problem = problem
        self.location = location
        self.hint = hint
        self.exitCode = exitCode
        self.cause = cause
    }

    /// A system call that failed.
    ///
    /// - Parameters:
    ///   - errorNumber: Its `errno`.
    ///   - doing: What failed, as in "cannot be written".
    ///   - location: Path of the file or folder.
    public static func system(_ errorNumber: Int32, _ doing: String, at location: String)
        -> FileError
    {
        FileError(
            "\(doing) (\(String(cString: strerror(errorNumber))))", at: location,
            hint: advice(errorNumber), exitCode: mayPass(errorNumber) ? .tryAgain : .badInput,
            cause: .system(errorNumber))
    }

    /// The same error with what else its reader can do.
    ///
    /// - Parameters:
    ///   - whenFull: Stands behind "Make room there, or" where the disk or the user's share is full.
    ///   - elsewhere: Stands behind "or" where the place cannot be written to.
    public func advising(whenFull: String? = nil, elsewhere: String? = nil) -> FileError {
        let more: String? =
            switch cause {
            case .system(ENOSPC), .system(EDQUOT): whenFull
            case .system(EACCES), .system(EPERM), .system(EROFS): elsewhere
            default: nil
            }
        guard let hint, let more else { return self }
        return FileError(
            problem, at: location, hint: "\(hint), or \(more)", exitCode: exitCode, cause: cause)
    }

    /// What the system says, without what was done: for whoever goes on and only counts failures.
    public var reason: String {
        if case .system(let errorNumber) = cause { return String(cString: strerror(errorNumber)) }
        return problem
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
        case ENOSPC, EDQUOT: "Make room there"
        case EFBIG: "Raise the file size limit (ulimit -f)"
        case EACCES, EPERM, EROFS: "Make it accessible to this user"
        case EIO: "The disk or network file system failed; its log says more"
        case ENOENT, ENOTDIR: "Check the path"
        default: nil
        }
    }
}
