import Faults
import Files
import Glibc

/// What this room says of files that it cannot trust or must not touch.
extension FileError {
    var isDamage: Bool { cause == .damage }

    static func damage(_ problem: String, at location: String) -> FileError {
        FileError(
            problem, at: location, hint: "Restore it from a copy or remove this checkpoint",
            cause: .damage)
    }

    static func refusal(_ problem: String, at location: String?, hint: String) -> FileError {
        FileError(problem, at: location, hint: hint, cause: .refusal)
    }

    /// Place and problem without advice, for lists.
    var sentence: String { (location.map { "\($0) " } ?? "") + problem }

    /// The same error as a reader of a checkpoint sees it: a missing file, a link or a folder in
    /// its place and an unreadable sector are damage; a lack of permission or memory is not.
    var seenWhileReading: FileError {
        guard let location else { return self }
        guard case .system(let errorNumber) = cause else {
            // A folder in a file's place is told without advice.
            return isDamage ? .damage(problem, at: location) : self
        }
        switch errorNumber {
        case ENOENT: return .damage("is missing", at: location)
        case ELOOP: return .damage("is a symbolic link", at: location)
        case ENOTDIR: return .damage("is not a folder", at: location)
        case EISDIR, ENXIO, EIO: return .damage(problem, at: location)
        default: return self
        }
    }

    static func fencedOut(at path: String) -> FileError {
        FileError(
            "another job has taken this run over; this one writes nothing more", at: path,
            hint: "Leave the run to the other job", exitCode: .fencedOut, cause: .refusal)
    }

    static func heldElsewhere(_ place: String, at path: String) -> FileError {
        FileError(
            "another job is writing to this run, on \(place.prefix { $0 != " " })", at: path,
            hint: "Wait until it has ended, or give another --out; ranks of one job are started "
                + "together, by mpirun or lora launch", exitCode: .fencedOut, cause: .refusal)
    }
}
