public import ProgressReports

/// The text format in which Prometheus scrapes metrics (exposition format 0.0.4).
///
/// `lora_step_loss{run_id="…",run_name="…"} 2.31`; what has one value a rank has a label `rank`.
public struct PrometheusText {
    /// Lines by metric, in the order of arrival.
    private var metrics: [String: [String]] = [:]
    private var order: [String] = []

    public init() {}

    /// Adds all numbers of a run's newest record of a kind.
    public mutating func add(_ record: ProgressRecord, runID: String, runName: String) {
        for measurement in record.measurements {
            let rank = measurement.workerRank.map { ",rank=\"\($0)\"" } ?? ""
            add(
                "lora_\(record.kind)_\(measurement.name)",
                labels: "run_id=\"\(Self.escaped(runID))\",run_name=\"\(Self.escaped(runName))\""
                    + rank, value: measurement.value)
        }
    }

    /// Adds a number of a run that is no record's.
    public mutating func add(_ name: String, _ value: Double, runID: String, runName: String) {
        add(
            name,
            labels: "run_id=\"\(Self.escaped(runID))\",run_name=\"\(Self.escaped(runName))\"",
            value: value)
    }

    private mutating func add(_ name: String, labels: String, value: Double) {
        if metrics[name] == nil { order.append(name) }
        metrics[name, default: []].append("\(name){\(labels)} \(Self.digits(value))\n")
    }

    /// All metrics, each with its type.
    public var text: String {
        order.map { name in
            let type = name.hasSuffix("_total") ? "counter" : "gauge"
            return "# TYPE \(name) \(type)\n" + (metrics[name] ?? []).joined()
        }.joined()
    }

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
