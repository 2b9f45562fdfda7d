/// The exit codes of all programs (docs/architecture.md, "One door").
public enum ExitCode: Int32, Sendable {
    /// Finished, with a verified final record.
    case success = 0
    /// The command line cannot be parsed.
    case usage = 64
    /// A defect of this software; the message says what to report.
    case internalError = 70
    /// A passing trouble: the same command may succeed later.
    case tryAgain = 75
    /// Another job has taken over this run.
    case fencedOut = 76
    /// A value, the configuration or the data is wrong: do not retry.
    case badInput = 78
}

/// Something that stops a program, told so that its reader can mend it.
///
/// Every room has one conforming type. `description` is the one line that follows `error:`.
public protocol Fault: Error, CustomStringConvertible, Sendable {
    /// What is wrong, with the offending values.
    var problem: String { get }
    /// Where: a file (with line or tensor), a flag, a rank.
    var location: String? { get }
    /// What to do about it.
    var hint: String? { get }
    /// How the program ends.
    var exitCode: ExitCode { get }
}

extension Fault {
    public var exitCode: ExitCode { .badInput }

    public var description: String {
        let place = location.map { "\($0): " } ?? ""
        let advice = hint.map { ". \($0)" } ?? ""
        return place + problem + advice
    }
}
