import CSQLite
public import Faults

/// A store of runs that cannot be opened, read or written.
public struct RunStoreError: Fault, Equatable {
    public let problem: String
    public let location: String?
    public let hint: String?
    public let exitCode: ExitCode

    init(
        _ problem: String, at location: String?, hint: String? = nil, exitCode: ExitCode = .badInput
    ) {
        self.problem = problem
        self.location = location
        self.hint = hint
        self.exitCode = exitCode
    }

    /// A file that is no store of this version's.
    init(_ origin: StoreOrigin, path: String) {
        switch origin {
        case .newerVersion:
            self.init(
                "was made by a newer version of lora-collector", at: path,
                hint: "Use that version's programs, or name another file with --store")
        case .olderVersion:
            self.init(
                "was made by an older version of lora-collector", at: path,
                hint:
                    "Use that version's programs, or name another file with --store: a new one is "
                    + "made, and every run's metrics.jsonl has all")
        case .anotherProgram, .nobody, .thisVersion:
            self.init(
                "is no store of runs", at: path,
                hint: "lora-collector makes one; --store names another file")
        }
    }

    /// What SQLite says of the file at `path`; what is one already stays as it is.
    init(_ error: any Error, path: String) {
        if let error = error as? RunStoreError {
            self = error
            return
        }
        let database = error as? SQLiteError
        let text = database?.message ?? "\(error)"
        switch database?.code {
        case SQLITE_CANTOPEN:
            self.init(
                "cannot be opened (\(text))", at: path,
                hint: "Choose a file in an existing folder that you may write to")
        case SQLITE_NOTADB, SQLITE_CORRUPT:
            self.init(
                "is damaged, or no store of runs (\(text))", at: path,
                hint:
                    "Is it the file that you meant? --store names another. A damaged store can be moved "
                    + "away: a new one is made, and every run's metrics.jsonl has all")
        case SQLITE_FULL:
            self.init(
                "cannot be written (\(text))", at: path, hint: "Make room there",
                exitCode: .tryAgain)
        case SQLITE_BUSY, SQLITE_LOCKED, SQLITE_PROTOCOL:
            self.init(
                "is held by another program (\(text))", at: path,
                hint: "Only one lora-collector may write to it: end the other program (fuser names "
                    + "it), or name another file with --store",
                exitCode: .tryAgain)
        case SQLITE_IOERR:
            self.init(
                "cannot be read or written (\(text))", at: path,
                hint: "Look after its disk; every run's metrics.jsonl has all", exitCode: .tryAgain)
        case SQLITE_READONLY:
            self.init(
                "may only be read (\(text))", at: path,
                hint: "Run as its owner, or copy it, with its -wal file, to a folder of your own")
        default: self.init("fails: \(text)", at: path)
        }
    }
}
