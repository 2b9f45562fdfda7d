import ArgumentParser
import Collectives
import Diagnosis
import Faults
import Foundation
import Operations
import RunSettings
import SettingFlags
import Supervision
import Training
import Words

/// `lora doctor`: whether hosts can take part in a run, and what mends it where they cannot.
struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Look at the hosts before a long run, and say what mends each trouble.",
        discussion: """
            Runs this program on every host and compares: program, kernels, OpenBLAS, processors and \
            memory (against what the run takes, if --model and --data are given), clock, free disk \
            and its speed, model and data by their SHA-256, the collector. Then it starts a job with \
            one rank a host and measures latency and bandwidth between all pairs, over the network \
            that the run would use. Exit code 0: ready; 78: something is in the way.

            Examples:
              lora doctor --hosts hostfile --model SmolLM2.gguf --data train.jsonl --out run1
              lora doctor --hosts hostfile --config run.yaml --interface 10.1.0.0/16
            """)

    @OptionGroup(title: "The run") var given: RunSettingOptions

    @OptionGroup(title: "The run") var places: SettingOptions<DoctorSettings>

    @OptionGroup(title: "The hosts") var cluster: ClusterOptions

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "How long a host may take to answer (default: 600; it reads the whole model).",
            valueName: "seconds"))
    var timeout: String?

    @Option(help: .hidden) var hostReport: String?
    @Flag(help: .hidden) var networkReport = false
    /// For deploy/hosts/distribute: hostfiles have one reader.
    @Flag(help: .hidden) var hostNames = false

    func run() throws {
        try exitingOnFault {
            if let hostReport {
                let question = try JSONDecoder().decode(
                    HostQuestion.self, from: Data(hostReport.utf8))
                try printJSON(HostReport(question))
            } else if networkReport {
                let communicator = try MPICommunicator()
                let pairs = try NetworkProbe.run(communicator)
                if communicator.isCoordinator { try printJSON(pairs) }
                communicator.finalize()
            } else if hostNames {
                for host in try cluster.allHosts() { print(host.name) }
            } else {
                try examine()
            }
        }
    }

    private func printJSON(_ value: some Encodable) throws {
        print(String(decoding: try JSONEncoder().encode(value), as: UTF8.self))
        fflush(nil)
    }

    private func examine() throws {
        let hosts = try cluster.allHosts()
        let question = try question()
        let own = try HostReport(question)
        let line = StageLine()
        let program = "/proc/self/exe".withCString { path in
            realpath(path, nil).map { pointer in
                defer { free(pointer) }
                return String(cString: pointer)
            } ?? CommandLine.arguments[0]
        }
        let timeout = try NumberFlag("--timeout", timeout).notNegative ?? 600
        let answers = try HostSurvey(remoteStart: cluster.remoteStart, program: program).ask(
            hosts, question, timeoutSeconds: timeout
        ) { line.update("asking hosts", $0, hosts.count) }
        let ready = answers.filter { (try? $0.report.get()) != nil }.map(\.host)
        var pairs: [NetworkProbe.Pair] = []
        var networkFailure: String?
        if ready.count > 1 {
            line.update("measuring the network", 0, 1)
            let output = CommandOutput(
                networkCommand(ready, program: program), timeoutSeconds: timeout)
            if let found = try? JSONDecoder().decode(
                [NetworkProbe.Pair].self, from: output.bytes)
            {
                pairs = found
            } else {
                networkFailure = output.lastWords
            }
        }
        let needs = try needs(answers, progress: line.update)
        line.finish()
        var findings = Findings(answers, own: own, needs: needs)
        if let networkFailure { findings.include(networkFailure: networkFailure) }
        findings.include(pairs, names: ready.map(\.name))
        try say(answers, pairs, names: ready.map(\.name), findings.all)
    }

    private func networkCommand(_ hosts: [Hostfile.Host], program: String) -> [String] {
        let single = hosts.map { Hostfile.Host(name: $0.name, slots: 1) }
        let plan = LaunchPlan(
            ranks: single.count, hostfile: Hostfile(hosts: single),
            program: [program, "doctor", "--network-report"], out: places.texts["out"] ?? ".",
            interface: cluster.interface, remoteStart: cluster.remoteStart,
            mpirunArguments: cluster.mpirunArgument)
        return plan.command(on: single)
    }

    /// What the run's settings say, flags before the file.
    private func settings() throws -> SettingValues {
        try SettingValues(
            flags: given.settings.merging(places.texts) { $1 }, file: given.config)
    }

    private func question() throws -> HostQuestion {
        let settings = try settings()
        func absolute(_ path: String) -> String {
            URL(fileURLWithPath: path).standardized.path
        }
        let data =
            (settings.data?.sources.map(\.path) ?? []) + [settings.evalData].compactMap { $0 }
        return HostQuestion(
            model: settings.model.map(absolute), data: data.map(absolute),
            out: absolute(settings.out ?? "."), collector: settings.collector.map { "\($0)" })
    }

    private func needs(
        _ answers: [HostSurvey.Answer],
        progress: (_ what: String, _ done: Int, _ total: Int) -> Void
    ) throws -> HostNeeds {
        let settings = try settings()
        var needs = HostNeeds(
            memoryBytes: nil, diskBytes: nil, hostfile: cluster.hosts ?? "HOSTFILE",
            kernelLevel: settings.kernels == "auto" ? nil : settings.kernels)
        guard settings.model != nil, settings.data != nil else { return needs }
        var question = RunPlan.Question()
        // Open MPI counts cores where the hostfile says no number.
        let slots = answers.map { $0.host.slots ?? (try? $0.report.get())?.cores ?? 1 }
        question.ranks = slots.reduce(0, +)
        question.ranksOnNode = slots.max()
        question.calibrationSeconds = 0
        let plan = try RunPlan(
            settings: given.settings, configurationFile: given.config, question,
            progress: progress)
        needs.memoryBytes = plan.memory.nodeBytes
        needs.diskBytes = (settings.keep + 1) * plan.checkpointBytes
        return needs
    }

    // MARK: What a person sees

    private func say(
        _ answers: [HostSurvey.Answer], _ pairs: [NetworkProbe.Pair], names: [String],
        _ findings: [Finding]
    ) throws {
        print(hostTable(answers))
        if !pairs.isEmpty { print("\n" + networkTable(pairs, names)) }
        if !findings.isEmpty { print("") }
        for finding in findings {
            let host = finding.host.map { "\($0) " } ?? ""
            print("\(finding.isTrouble ? "trouble" : "note"): \(host)\(finding.what)")
            print("    \(finding.mend)")
        }
        let troubles = findings.count { $0.isTrouble }
        guard troubles == 0 else {
            throw OperationsError(
                "lora doctor", "found \(troubles) \(troubles == 1 ? "trouble" : "troubles")",
                hint: "Each is above, with what mends it")
        }
        print("\n\(answers.count) \(answers.count == 1 ? "host is" : "hosts are") ready")
    }

    private func hostTable(_ answers: [HostSurvey.Answer]) -> String {
        var table = TextTable()
        table.add([
            "host", "slots", "cores", "kernels", "OpenBLAS", "memory free", "disk free",
            "1 MiB to disk",
        ])
        for answer in answers {
            guard case .success(let report) = answer.report else {
                table.add(
                    [answer.host.name, slots(of: answer.host)]
                        + [String](repeating: "-", count: 6))
                continue
            }
            let library = report.hasOpenBLAS ? report.openBLAS.split(separator: ",")[0] : "-"
            table.add([
                answer.host.name, slots(of: answer.host), "\(report.cores)", report.kernelLevel,
                String(library), report.availableMemoryBytes.shownBytes,
                report.freeDiskBytes.shownBytes,
                report.fsyncSeconds.map { "\(($0 * 1000).shown(decimals: 1)) ms" } ?? "-",
            ])
        }
        return table.text
    }

    private func slots(of host: Hostfile.Host) -> String { host.slots.map(String.init) ?? "cores" }

    private func networkTable(_ pairs: [NetworkProbe.Pair], _ names: [String]) -> String {
        var table = TextTable()
        table.add(["between", "latency", "bandwidth"])
        for pair in pairs {
            table.add([
                "\(names[pair.first]) and \(names[pair.second])",
                "\((pair.latencySeconds * 1e6).shown(decimals: 1)) µs",
                "\((pair.bytesPerSecond / 1e6).shown(decimals: 0)) MB/s",
            ])
        }
        return table.text
    }
}
