import Glibc
public import ProgressReports

/// Which outlets a run has beside its own file, the terminal and the collector.
public struct OutletSettings: Sendable, Equatable {
    /// Event files in the run's folder.
    public var tensorBoard = true
    public var prometheusFile: String?
    public var syslog: CollectorAddress?
    public var jsonLines: String?

    public init() {}
}

/// What an outlet needs to know of its run.
public struct OutletRun: Sendable {
    public let folder: String
    public let name: String
    public let host: String
    /// Step of the checkpoint that the run goes on from.
    public let resumedStep: Int?
    /// Whether the folder is still this job's.
    public let isHeld: @Sendable () -> Bool

    public init(
        folder: String, name: String, host: String, resumedStep: Int?,
        isHeld: @escaping @Sendable () -> Bool
    ) {
        self.isHeld = isHeld
        self.folder = folder
        self.name = name
        self.host = host
        self.resumedStep = resumedStep
    }
}

/// Opens the outlets, each on a thread of its own.
///
/// - Parameter environment: OpenTelemetry's variables; see ``OTLPSettings``.
/// - Throws: ``ProgressError`` naming the flag, variable or file that cannot be used.
public func makeOutlets(
    _ settings: OutletSettings, run: OutletRun, environment: [String: String],
    tell: @escaping @Sendable (String) -> Void
) throws(ProgressError) -> [any ProgressSink] {
    var sinks: [any ProgressSink] = []
    if settings.tensorBoard {
        sinks.append(
            try TensorBoardEventFile(
                folder: run.folder + "/tensorboard", host: run.host, resumedStep: run.resumedStep,
                mayWrite: run.isHeld, tell: tell))
    }
    if let path = settings.prometheusFile {
        sinks.append(try PrometheusTextFile(path: path, runName: run.name, tell: tell))
    }
    if let address = settings.syslog {
        sinks.append(SyslogSink(address: address, host: run.host, tell: tell))
    }
    if let path = settings.jsonLines { sinks.append(try JSONLinesFile(path: path, tell: tell)) }
    if let otlp = OTLPSettings(environment: environment) {
        for remark in otlp.remarks { tell(remark) }
        guard otlp.isUsable else { return try inBackground(sinks, tell) }
        sinks.append(try OTLPMetricsExporter(settings: otlp, runName: run.name, tell: tell))
    }
    return try inBackground(sinks, tell)
}

private func inBackground(
    _ sinks: [any ProgressSink], _ tell: @escaping @Sendable (String) -> Void
) throws(ProgressError) -> [any ProgressSink] {
    var background: [any ProgressSink] = []
    for sink in sinks {
        background.append(try BackgroundSink(sink, capacity: 4096, tell: tell))
    }
    return background
}
