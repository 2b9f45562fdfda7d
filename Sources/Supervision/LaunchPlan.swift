import Files
import ProgressReports

/// What a supervisor is asked to do.
public struct LaunchPlan: Sendable {
    /// Ranks, on all hosts together.
    public var ranks: Int
    /// `nil`: this machine alone.
    public var hostfile: Hostfile?
    /// The program and its arguments.
    public var program: [String]
    /// The run's folder, as the program's `--out` names it.
    public var out: String
    /// The network that MPI uses, as `10.77.0.0/24`; `nil` leaves the choice to Open MPI.
    public var interface: String?
    /// How commands get to run on other hosts.
    public var remoteStart: RemoteStart
    /// Further arguments of mpirun.
    public var mpirunArguments: [String]
    /// Seconds without progress after which a job is ended; `nil` follows what was seen.
    public var stallTimeoutSeconds: Double?
    /// How long ranks may take to save when the supervisor is asked to stop.
    public var graceSeconds: Double
    /// How often hosts that were left out are asked again.
    public var rejoinSeconds: Double
    /// Width of the terminal that will show what the job says; `nil`: it is none.
    public var terminalColumns: Int?
    /// Names this supervisor among all; random.
    public let identity = randomHexadecimal()

    public init(
        ranks: Int, hostfile: Hostfile?, program: [String], out: String,
        interface: String? = nil, remoteStart: RemoteStart = .ssh, mpirunArguments: [String] = [],
        stallTimeoutSeconds: Double? = nil, graceSeconds: Double = 120, rejoinSeconds: Double = 60
    ) {
        self.ranks = ranks
        self.hostfile = hostfile
        self.program = program
        self.out = out
        self.interface = interface
        self.remoteStart = remoteStart
        self.mpirunArguments = mpirunArguments
        self.stallTimeoutSeconds = stallTimeoutSeconds
        self.graceSeconds = graceSeconds
        self.rejoinSeconds = rejoinSeconds
    }

    /// The command that starts the job on these hosts; `nil`: on this machine.
    ///
    /// Open MPI notices a silent node after 498 s unless its keepalive parameters are set; with these
    /// it takes about 11 s (docs/reliability.md). `--enable-recovery` is not used: with it, mpirun can
    /// report success after a killed rank.
    ///
    /// - Parameter takesWhatThereIs: Leaves the number of ranks to mpirun: one a slot.
    public func command(
        on hosts: [Hostfile.Host]?, takesWhatThereIs: Bool = false
    ) -> [String] {
        var command = ["mpirun"]
        func set(_ parameter: String, _ value: String) { command += ["--mca", parameter, value] }
        set("oob_tcp_keepalive_time", "5")
        set("oob_tcp_keepalive_intvl", "2")
        set("oob_tcp_keepalive_probes", "3")
        command += ["-x", "\(LaunchStatus.launchVariable)=\(identity)"]
        if let hosts {
            command += ["-x", "\(LaunchStatus.variable)=1"]
            if let terminalColumns {
                command += ["-x", "\(TerminalReporter.columnsVariable)=\(terminalColumns)"]
            }
            set("orte_startup_timeout", "60")
            for parameter in remoteStart.parameters { set(parameter.name, parameter.value) }
            // Else node1.east and node1.west were one host, node1.
            if hosts.contains(where: { HostName.isCut($0.name) }) {
                set("orte_keep_fqdn_hostnames", "1")
            }
            command += ["--host", hosts.map(Self.word).joined(separator: ",")]
        }
        if let interface {
            set("oob_tcp_if_include", interface)
            set("btl_tcp_if_include", interface)
        }
        command += mpirunArguments
        return command + (takesWhatThereIs ? [] : ["-n", "\(ranks(on: hosts))"]) + program
    }

    /// `auto`: mpirun counts the host's cores, as it does for a hostfile's line without slots.
    private static func word(_ host: Hostfile.Host) -> String {
        "\(host.name):\(host.slots.map(String.init) ?? "auto")"
    }

    /// Ranks of a job on these hosts: all that are wanted, but where hosts are left out no more than the
    /// others take.
    func ranks(on hosts: [Hostfile.Host]?) -> Int {
        guard let left = hosts?.slots, let all = hostfile?.hosts.slots else { return ranks }
        guard ranks > all else { return min(ranks, left) }
        // More ranks than slots were asked for: each slot keeps as many.
        return max(1, ranks * left / all)
    }

    /// Whether mpirun is told to start more ranks than there are slots.
    private var isOversubscribed: Bool {
        mpirunArguments.contains {
            let word = $0.lowercased()
            return word.contains("oversubscribe") && !word.contains("nooversubscribe")
        }
    }

    /// Looks whether the hosts take the ranks that are wanted, as far as their slots are known; mpirun
    /// looks at the rest.
    ///
    /// - Throws: ``SupervisionError`` with both numbers.
    public func requireSlots() throws(SupervisionError) {
        guard let hosts = hostfile?.hosts else { return }
        let slots = hosts.slots
        if let slots, ranks <= slots { return }
        guard isOversubscribed else {
            guard let slots else { return }
            let list =
                hosts.prefix(8).map { "\($0.name) \($0.slots ?? 0)" }
                + (hosts.count > 8 ? ["…"] : [])
            throw SupervisionError(
                "--ranks",
                "is \(ranks), and the hosts have \(slots) slots (\(list.joined(separator: ", ")))",
                hint: "Ask for \(slots), give the hosts more slots, or let ranks share cores with "
                    + "--mpirun-argument --oversubscribe")
        }
        if let host = hosts.first(where: { $0.mostSlots != nil }) {
            throw SupervisionError(
                "--ranks",
                "is \(ranks), more than the slots, and mpirun is not told of \(host.name)'s max_slots",
                hint: "Leave max_slots out, and give slots= as many ranks as each host is to take")
        }
    }
}
