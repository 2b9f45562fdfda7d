public import ProgressReports

/// The text format in which Prometheus scrapes metrics (exposition format 0.0.4).
///
/// `lora_step_loss{run_id="…",run_name="…"} 2.31`; what has one value a rank has a label `rank`.
public struct PrometheusText {
    /// Lines by metric, behind their help, in the order of arrival.
    private var metrics: [String: [String]] = [:]
    private var order: [String] = []
    /// Of ``text``, without help.
    public private(set) var byteCount = 0

    public init() {}

    /// Adds all numbers of a run's newest record of a kind.
    public mutating func add(_ record: ProgressRecord, runID: String, runName: String) {
        let run = Self.labels(runID, runName)
        for measurement in record.measurements {
            let rank = measurement.workerRank.map { ",rank=\"\($0)\"" } ?? ""
            add(
                "lora_\(record.kind)_\(measurement.name)", labels: run + rank,
                value: measurement.value, help: measurement.name)
        }
    }

    /// How often something has happened in a run: `lora_checkpoints_total`.
    public mutating func add(count: Int, of things: String, runID: String, runName: String) {
        add(
            "lora_\(things)_total", labels: Self.labels(runID, runName), value: Double(count),
            help: things)
    }

    /// When a run was last heard of.
    public mutating func add(updatedNanoseconds: Int64, runID: String, runName: String) {
        let name = "updated_timestamp_seconds"
        add(
            "lora_\(name)", labels: Self.labels(runID, runName),
            value: Double(updatedNanoseconds) / 1e9, help: name)
    }

    /// Which of the possible states a run is in: 1 for that one, 0 for the others (as a StateSet of
    /// OpenMetrics, so that an alert can name one: `lora_run_state{state="failed"} == 1`).
    public mutating func add(
        state: String, of possible: [String], runID: String, runName: String
    ) {
        for name in possible {
            add(
                "lora_run_state", labels: Self.labels(runID, runName) + ",state=\"\(name)\"",
                value: name == state ? 1 : 0, help: "run_state")
        }
    }

    private static func labels(_ runID: String, _ runName: String) -> String {
        "run_id=\"\(escaped(runID))\",run_name=\"\(escaped(runName))\""
    }

    private mutating func add(_ name: String, labels: String, value: Double, help: String) {
        if metrics[name] == nil {
            order.append(name)
            let type = name.hasSuffix("_total") ? "counter" : "gauge"
            let text = MetricDescriptions.text(help)
            metrics[name] = ["# HELP \(name) \(text)\n# TYPE \(name) \(type)\n"]
        }
        let line = "\(name){\(labels)} \(Self.digits(value))\n"
        byteCount += line.utf8.count
        metrics[name]?.append(line)
    }

    /// All metrics, each with its help and type.
    public var text: String { order.map { (metrics[$0] ?? []).joined() }.joined() }

    private static func digits(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        return value.isInfinite ? (value < 0 ? "-Inf" : "+Inf") : "\(value)"
    }

    /// Backslash, quote and line feed end or break a label, also where a reader of characters sees them
    /// joined with what follows.
    static func escaped(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\", "\"": result.append(contentsOf: ["\\", scalar])
            case "\n": result.append(contentsOf: ["\\", "n"])
            default: result.append(scalar)
            }
        }
        return String(result)
    }
}
