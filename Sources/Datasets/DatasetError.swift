public import Faults
import Files
import Glibc

/// Training data that cannot be used.
public struct DatasetError: Fault {
    public let problem: String
    public let location: String?
    public let hint: String?
    public let exitCode: ExitCode

    init(
        _ problem: String, at location: String?, hint: String? = nil,
        exitCode: ExitCode = .badInput
    ) {
        self.problem = problem
        self.location = location
        self.hint = hint
        self.exitCode = exitCode
    }

    /// What the error of a file of the cache says, as this room's.
    init(ofCache error: FileError) {
        let isFull = [ENOSPC, EDQUOT, EFBIG].contains { error.cause == .system($0) }
        self.init(
            error.problem, at: error.location,
            hint: isFull
                ? "Tokenized samples take about as much room as the data: free some, or name "
                    + "another folder with --cache"
                : "Name a folder that may be written to with --cache")
    }
}
