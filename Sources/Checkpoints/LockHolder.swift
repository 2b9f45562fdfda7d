import Faults
public import Files

/// Who holds a run's lock, as it writes itself into the locked file.
///
/// Decides nothing; it is there for whoever finds the lock taken.
public struct LockHolder: Sendable, Equatable {
    public let process: Int32
    public let host: String
    /// Ranks of its job.
    public let ranks: Int

    public init(process: Int32, host: String, ranks: Int) {
        self.process = process
        self.host = host
        self.ranks = ranks
    }

    /// - Returns: `nil` if `text` names nobody.
    public init?(_ text: String) {
        let words = text.split(whereSeparator: \.isWhitespace)
        guard words.count == 3, let process = Int32(words[0]), let ranks = Int(words[2]) else {
            return nil
        }
        self.init(process: process, host: String(words[1]), ranks: ranks)
    }

    /// What stands in the locked file.
    public var text: String { "\(process) \(host) \(ranks)\n" }

    /// Whether both jobs are likely to be meant as ranks of one: one rank each, on one host.
    public func looksLikeRank(besides other: LockHolder) -> Bool {
        ranks == 1 && other.ranks == 1 && other.host == host && other.process != process
    }

    /// What is said to this job, which finds the lock taken.
    ///
    /// - Parameter other: The holder, if it is known.
    public func refused(by other: LockHolder?, at path: String) -> FileError {
        var problem = "another job is writing to this run"
        var hint = "Wait until it has ended, or give another --out"
        if let other, looksLikeRank(besides: other) {
            problem = "another lora-worker with one rank (process \(other.process)) holds this run"
            hint =
                "Several ranks of one job are started together, with mpirun -n N lora-worker …; if "
                + "these are two jobs, wait until that one has ended, or give another --out"
        } else if let other {
            problem +=
                ": process \(other.process) on \(other.host), "
                + (other.ranks == 1 ? "one rank" : "\(other.ranks) ranks")
        }
        return FileError(
            problem, at: path, hint: hint, exitCode: .fencedOut, cause: .refusal)
    }
}
