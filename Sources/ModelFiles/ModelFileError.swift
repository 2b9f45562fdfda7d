public import Faults
import Files
import Glibc
public import JSON

/// A model file that cannot be opened, does not hold what it says, or is not supported.
public struct ModelFileError: FileFault {
    public let problem: String
    public let location: String?
    public let hint: String?
    public let exitCode: ExitCode

    /// - Parameters:
    ///   - problem: What is wrong, with the offending values.
    ///   - file: Path of the file or folder.
    ///   - part: The tensor, key or field inside it.
    ///   - hint: What to do about it.
    ///   - exitCode: ``ExitCode/badInput`` unless trying again can help.
    public init(
        _ problem: String, file: String, part: String? = nil, hint: String? = nil,
        exitCode: ExitCode = .badInput
    ) {
        self.problem = problem
        location = part.map { "\(file), \($0)" } ?? file
        self.hint = hint
        self.exitCode = exitCode
    }

    /// What a file's error says, as this room's.
    init(_ error: FileError) {
        let isThere = error.cause == .system(EEXIST)
        self.init(
            error.problem, file: error.location ?? "",
            hint: isThere ? "Give another place; nothing is overwritten" : error.hint,
            exitCode: error.exitCode)
    }

    public init(_ problem: String, file: String, part: String?, hint: String?) {
        self.init(problem, file: file, part: part, hint: hint, exitCode: .badInput)
    }
}
