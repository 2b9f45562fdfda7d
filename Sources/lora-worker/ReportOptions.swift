import ArgumentParser

/// Where the run's progress is told, beside the terminal and `metrics.jsonl`.
struct ReportOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "lora-collector to send reports to; what it does not take waits in OUT/spool.",
            valueName: "host:port"))
    var collector: String?

    @Option(
        help: ArgumentHelp(
            "Holds the token that the collector asks for, on one line.", valueName: "file"))
    var collectorTokenFile: String?

    @Option(
        help: ArgumentHelp(
            "Turns TLS on: PEM certificates that sign the collector's; system for this machine's.",
            valueName: "file"))
    var collectorAuthority: String?

    @Option(
        help: ArgumentHelp(
            "PEM certificate by which the collector knows this run; needs --collector-key.",
            valueName: "file"))
    var collectorCertificate: String?

    @Option(
        help: ArgumentHelp("PEM private key of --collector-certificate.", valueName: "file"))
    var collectorKey: String?

    var settings: [String: String] {
        [
            "collector": collector, "collector-token-file": collectorTokenFile,
            "collector-authority": collectorAuthority,
            "collector-certificate": collectorCertificate, "collector-key": collectorKey,
        ].compactMapValues { $0 }
    }
}
