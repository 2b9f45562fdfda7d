import ArgumentParser
import Faults
import Foundation
import ProgressReports
import RunSettings
import Supervision
import Training

/// `lora launch`: mpirun with somebody who watches it.
struct LaunchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "launch",
        abstract: "Run a job under mpirun and start it again after failures until it is finished.",
        discussion: """
            Open MPI ends a job when a rank or a host dies. This command starts it again from the \
            last checkpoint, on the hosts that are left; the adapter is the same, byte for byte. A \
            host that vanishes silently is noticed after about 11 s, a job that hangs by its lack of \
            progress. SIGTERM, SIGUSR1 and Ctrl-C save within the current step and end with exit \
            code 75; the same command continues. It gives up after three restarts without a new \
            checkpoint. Start it where the run's folder can be seen: on the first host, or on shared \
            storage. What it did stands in OUT/launch.jsonl.

            Examples:
              lora launch -n 2 -- lora-worker --model SmolLM2.gguf --data train.jsonl --out run1
              lora launch --hosts hostfile -n 16 -- lora-worker --config run.yaml
              lora launch -- lora-worker --config run.yaml      # in a job of Slurm's
            """)

    @Option(
        name: [.customShort("n"), .customLong("ranks")], parsing: .unconditional,
        help: ArgumentHelp(
            "Ranks, on all hosts together (default: the hostfile's slots; in a job of Slurm's, its tasks).",
            valueName: "ranks"))
    var ranks: String?

    @OptionGroup var cluster: ClusterOptions

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "End a job that records nothing for so long (default: ten times what was seen, at least 180).",
            valueName: "seconds"))
    var stallTimeout: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "How long ranks may take to save when the job is stopped (default: 120).",
            valueName: "seconds"))
    var grace: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "How often hosts that were left out are asked again (default: 60).",
            valueName: "seconds"))
    var rejoinAfter: String?

    @Flag(help: "Print mpirun's command line, and do nothing else.")
    var print = false

    @Argument(
        parsing: .postTerminator,
        help: ArgumentHelp("After --: lora-worker and its arguments.", valueName: "program"))
    var program: [String] = []

    func run() throws {
        try exitingOnFault {
            let plan = try plan()
            guard !print else {
                Swift.print(plan.command(on: plan.hostfile?.hosts).joined(separator: " "))
                return
            }
            let code = try Supervisor(plan).run()
            if code != 0 { throw ArgumentParser.ExitCode(code) }
        }
    }

    private func plan() throws -> LaunchPlan {
        guard !program.isEmpty else {
            throw ConfigurationError(
                "lora launch", "is given no program",
                hint: "As in: lora launch -n 2 -- lora-worker …")
        }
        try requireRootIsWanted()
        let hostfile = try cluster.hostfile()
        var plan = LaunchPlan(
            ranks: try ranks(hostfile), hostfile: hostfile,
            program: program, out: try out(), interface: cluster.interface,
            remoteStart: cluster.remoteStart, mpirunArguments: cluster.mpirunArgument,
            stallTimeoutSeconds: try seconds("--stall-timeout", stallTimeout),
            graceSeconds: try seconds("--grace", grace) ?? 120,
            rejoinSeconds: try seconds("--rejoin-after", rejoinAfter) ?? 60)
        plan.terminalColumns = TerminalReporter.liveColumns(of: STDERR_FILENO)
        try plan.requireSlots()
        return plan
    }

    /// As many as are asked for, or one for each slot.
    private func ranks(_ hostfile: Hostfile?) throws -> Int {
        guard let ranks else {
            if let slots = hostfile?.hosts.slots { return slots }
            let uncounted = hostfile?.hosts.first { $0.slots == nil }
            throw ConfigurationError(
                "--ranks",
                uncounted.map { "is missing, and \($0.name) has no slots= in the hostfile" }
                    ?? "is missing: how many ranks are there to be?",
                hint: "As in: lora launch -n 2 -- lora-worker …")
        }
        guard let number = Int(ranks), number > 0 else {
            throw ConfigurationError("--ranks", "is '\(ranks)'; it must be a whole number above 0")
        }
        return number
    }

    private func seconds(_ flag: String, _ text: String?) throws -> Double? {
        guard let text else { return nil }
        guard let value = Double(text), value > 0, value.isFinite else {
            throw ConfigurationError(flag, "is '\(text)'; it must be a number above 0")
        }
        return value
    }

    /// mpirun refuses to run as root, and a supervisor would start it again for nothing.
    private func requireRootIsWanted() throws {
        let environment = ProcessInfo.processInfo.environment
        guard geteuid() == 0, environment["OMPI_ALLOW_RUN_AS_ROOT"] == nil,
            !cluster.mpirunArgument.contains("--allow-run-as-root")
        else { return }
        throw ConfigurationError(
            "lora launch", "runs as root, which mpirun refuses",
            hint: "Run it as another user, or add --mpirun-argument --allow-run-as-root")
    }

    /// The run's folder: `--out` of the program, or `out` of its `--config`.
    private func out() throws -> String {
        if let out = value(of: "--out") { return out }
        if let file = value(of: "--config"),
            let out = try SettingsFile(path: file).values["out"]
        {
            return out
        }
        throw ConfigurationError(
            "lora launch", "finds no --out among the program's arguments",
            hint: "Give --out, or --config with a file that has it")
    }

    private func value(of flag: String) -> String? {
        for (index, argument) in program.enumerated().reversed() {
            if argument.hasPrefix(flag + "=") { return String(argument.dropFirst(flag.count + 1)) }
            if argument == flag, index + 1 < program.count { return program[index + 1] }
        }
        return nil
    }
}
