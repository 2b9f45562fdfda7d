import ArgumentParser
import Faults
import Foundation
import Supervision
import Training

/// Where a job runs and how commands get there.
struct ClusterOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Hosts as in Open MPI's hostfile, `name slots=N` a line; without slots, its cores (default: in a job of Slurm's, its nodes; else this machine).",
            valueName: "file"))
    var hosts: String?

    @Option(
        help: ArgumentHelp(
            "Network that MPI uses, e.g. 10.77.0.0/24 (default: Open MPI's choice).",
            valueName: "network"))
    var interface: String?

    @Option(
        help: ArgumentHelp(
            "Starts a command on a host in place of ssh: called with the host and the command.",
            valueName: "command"))
    var remoteShell: String?

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "Further argument of mpirun; may be repeated.", valueName: "argument"))
    var mpirunArgument: [String] = []

    /// The nodes of the job of Slurm's that this is part of, where no others were named.
    func allocation() throws -> SlurmAllocation? {
        guard hosts == nil else { return nil }
        return try SlurmAllocation(environment: ProcessInfo.processInfo.environment)
    }

    var remoteStart: RemoteStart {
        if let remoteShell { return .command(remoteShell) }
        return hosts == nil && ProcessInfo.processInfo.environment["SLURM_JOB_NODELIST"] != nil
            ? .slurm : .ssh
    }

    /// - Returns: `nil`: this machine alone.
    func hostfile() throws -> Hostfile? {
        try hosts.map { try Hostfile(path: $0) } ?? allocation()?.hosts
    }

    /// All hosts; this machine if none was named.
    func allHosts() throws -> [Hostfile.Host] {
        try hostfile()?.hosts ?? [Hostfile.Host(name: "localhost", slots: 1)]
    }
}
