/// How a command gets to run on another host.
public enum RemoteStart: Sendable, Equatable {
    case ssh
    /// A program that is called with the host and the command.
    case command(String)
    /// `srun`, inside a job of Slurm's.
    case slurm

    /// What asks whether commands can be run on `host`.
    func probe(_ host: String) -> [String] {
        switch self {
        case .ssh:
            ["ssh", "-n", "-o", "BatchMode=yes", "-o", "ConnectTimeout=5", host, "true"]
        case .command(let program):
            program.split(separator: " ").map(String.init) + [host, "true"]
        case .slurm:
            // Beside the job's other steps, on processors that they have.
            [
                "srun", "--overlap", "--nodes=1", "--ntasks=1", "--nodelist=\(host)", "--quiet",
                "true",
            ]
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
}
