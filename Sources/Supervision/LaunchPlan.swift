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
    public let identity = String(UInt64.random(in: .min ... .max), radix: 16)

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
    public func command(on hosts: [Hostfile.Host]?) -> [String] {
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
            command += ["--host", hosts.map { "\($0.name):\($0.slots)" }.joined(separator: ",")]
        }
        if let interface {
            set("oob_tcp_if_include", interface)
            set("btl_tcp_if_include", interface)
        }
        let slots = hosts?.reduce(0) { $0 + $1.slots } ?? ranks
        return command + mpirunArguments + ["-n", "\(min(ranks, slots))"] + program
    }
}
