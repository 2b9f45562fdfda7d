import Foundation

/// How a command gets to run on another host.
public enum RemoteStart: Sendable, Equatable {
    case ssh
    /// A program that is called with the host and the command, as ssh would be.
    case command(String)
    /// `srun`, inside a job of Slurm's.
    case slurm

    /// The command that runs `words` on `host`.
    public func command(_ words: [String], on host: String) -> [String] {
        // Behind ssh a shell reads the words again.
        let quoted = words.map { "'" + $0.replacingOccurrences(of: "'", with: #"'\''"#) + "'" }
            .joined(separator: " ")
        switch self {
        case .ssh:
            if Self.isHere(host) { return words }
            return ["ssh", "-n", "-o", "BatchMode=yes", "-o", "ConnectTimeout=5", host, quoted]
        case .command(let program):
            // Even a name of this machine may mean another place.
            return program.split(separator: " ").map(String.init) + [host, quoted]
        case .slurm:
            // Beside the job's other steps, on processors that they have.
            return [
                "srun", "--overlap", "--nodes=1", "--ntasks=1", "--nodelist=\(host)", "--quiet",
            ] + words
        }
    }

    /// Parameters of mpirun's for starting its daemons so.
    var parameters: [(name: String, value: String)] {
        switch self {
        case .ssh:
            [("plm", "rsh"), ("plm_rsh_args", "-o BatchMode=yes -o ConnectTimeout=5")]
        case .command(let program): [("plm", "rsh"), ("plm_rsh_agent", program)]
        case .slurm: [("plm", "slurm"), ("plm_slurm_args", "--overlap")]
        }
    }

    private static func isHere(_ name: String) -> Bool {
        let own = ProcessInfo.processInfo.hostName
        return ["localhost", "127.0.0.1", "::1", own, String(own.prefix { $0 != "." })]
            .contains(name)
    }
}
