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

    @Option(
        help: ArgumentHelp(
            "Whether OUT/tensorboard gets event files (default: on).", valueName: "on|off"))
    var tensorboard: String?

    @Option(
        help: ArgumentHelp(
            "Keep the newest numbers in this file for node-exporter; its name ends in .prom.",
            valueName: "file"))
    var prometheusFile: String?

    @Option(
        help: ArgumentHelp(
            "Send every record to this syslog server over TCP (RFC 5424).", valueName: "host:port"))
    var syslog: String?

    @Option(
        help: ArgumentHelp(
            "Append every record as a line of JSON to this file or FIFO, which needs its reader first; - for standard output, whose reader must stay. "
                + "(OpenTelemetry's receivers are named by OTEL_EXPORTER_OTLP_ENDPOINT.)",
            valueName: "file"))
    var jsonLines: String?

    @Option(
        help: ArgumentHelp(
            "How records are printed on standard error: text for people, json for log collectors; trouble with reports itself is of the kind trouble there, and a last error: line is text (default: text).",
            valueName: "text|json"))
    var logFormat: String?

    var settings: [String: String] {
        [
            "collector": collector, "collector-token-file": collectorTokenFile,
            "collector-authority": collectorAuthority,
            "collector-certificate": collectorCertificate, "collector-key": collectorKey,
            "tensorboard": tensorboard, "prometheus-file": prometheusFile, "syslog": syslog,
            "json-lines": jsonLines, "log-format": logFormat,
        ].compactMapValues { $0 }
    }
}
