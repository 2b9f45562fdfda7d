import JSON
import ProgressReports

/// Records as an OTLP request: every number a gauge `lora.step.loss` with run, name and rank.
///
/// Source: `opentelemetry/proto/metrics/v1/metrics.proto`; field numbers stand beside the calls.
struct OTLPMetrics {
    private let resource: [String: String]
    private let runName: String
    private var metrics: [String: [Point]] = [:]
    private var order: [String] = []
    private(set) var pointCount = 0

    private struct Point {
        let attributes: [(String, String)]
        let nanoseconds: UInt64
        let value: Double
    }

    init(resource: [String: String], runName: String) {
        self.resource = resource
        self.runName = runName
    }

    mutating func add(_ record: TimedRecord) {
        for measurement in record.record.measurements {
            let name = "lora.\(record.record.kind).\(measurement.name)"
            if metrics[name] == nil { order.append(name) }
            var attributes = [("run_id", record.runID), ("run_name", runName)]
            if let rank = measurement.workerRank { attributes.append(("rank", "\(rank)")) }
            metrics[name, default: []].append(
                Point(
                    attributes: attributes,
                    nanoseconds: UInt64(clamping: record.unixTimeNanoseconds),
                    value: measurement.value))
            pointCount += 1
        }
    }

    /// Units of UCUM, as the semantic conventions want them.
    private static func unit(_ name: String) -> String {
        if name.hasSuffix("_per_second") { return "1/s" }
        if name.hasSuffix("seconds") || name.hasSuffix("_left") { return "s" }
        return name.hasSuffix("bytes") ? "By" : "1"
    }

    private static func description(_ name: String) -> String {
        MetricDescriptions.text(name.split(separator: ".").last.map(String.init) ?? name)
    }

    // MARK: Protobuf

    var protobuf: [UInt8] {
        var request = ProtobufMessage()
        request.message(1) { resourceMetrics in
            resourceMetrics.message(1) { message in
                for (key, value) in resource.sorted(by: { $0.key < $1.key }) {
                    Self.add(key, value, field: 1, to: &message)
                }
            }
            resourceMetrics.message(2) { scope in
                scope.message(1) { $0.text(1, "lora-worker") }
                for name in order { add(name, to: &scope) }
            }
        }
        return request.bytes
    }

    private func add(_ name: String, to scope: inout ProtobufMessage) {
        scope.message(2) { metric in
            metric.text(1, name)
            metric.text(2, Self.description(name))
            metric.text(3, Self.unit(name))
            metric.message(5) { gauge in
                for point in metrics[name] ?? [] {
                    gauge.message(1) { message in
                        message.fixed64(3, point.nanoseconds)
                        message.double(4, point.value)
                        for (key, value) in point.attributes {
                            Self.add(key, value, field: 7, to: &message)
                        }
                    }
                }
            }
        }
    }

    private static func add(
        _ key: String, _ value: String, field: Int, to message: inout ProtobufMessage
    ) {
        message.message(field) { pair in
            pair.text(1, key)
            pair.message(2) { $0.text(1, value) }
        }
    }

    // MARK: JSON

    var json: [UInt8] {
        let gauges = order.map { name -> JSONValue in
            [
                "name": .text(name), "description": .text(Self.description(name)),
                "unit": .text(Self.unit(name)),
                "gauge": ["dataPoints": .array((metrics[name] ?? []).map(Self.json))],
            ]
        }
        let request: JSONValue = [
            "resourceMetrics": [
                [
                    "resource": ["attributes": Self.json(resource.sorted { $0.key < $1.key })],
                    "scopeMetrics": [
                        ["scope": ["name": "lora-worker"], "metrics": .array(gauges)]
                    ],
                ]
            ]
        ]
        return Array(request.line.utf8)
    }

    private static func json(_ point: Point) -> JSONValue {
        let value = point.value
        return [
            "attributes": json(point.attributes), "timeUnixNano": "\(point.nanoseconds)",
            // The mapping of protobuf to JSON writes what is not finite as texts.
            "asDouble": value.isFinite
                ? .number(value)
                : .text(value.isNaN ? "NaN" : value < 0 ? "-Infinity" : "Infinity"),
        ]
    }

    private static func json(_ pairs: some Sequence<(key: String, value: String)>) -> JSONValue {
        .array(pairs.map { ["key": .text($0.key), "value": ["stringValue": .text($0.value)]] })
    }
}
