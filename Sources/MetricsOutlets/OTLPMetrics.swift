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
        let attributes = Self.list(resource.sorted { $0.key < $1.key })
        let list = order.map { name in
            var metric = JSONObject()
            metric.add("name", .text(name))
            metric.add("description", .text(Self.description(name)))
            metric.add("unit", .text(Self.unit(name)))
            let points = (metrics[name] ?? []).map(Self.object).joined(separator: ",")
            metric.add("gauge", verbatim: "{\"dataPoints\":[\(points)]}")
            return metric.text
        }.joined(separator: ",")
        let scope = "{\"scope\":{\"name\":\"lora-worker\"},\"metrics\":[\(list)]}"
        return Array(
            ("{\"resourceMetrics\":[{\"resource\":{\"attributes\":\(attributes)},"
                + "\"scopeMetrics\":[\(scope)]}]}").utf8)
    }

    private static func object(_ point: Point) -> String {
        var object = JSONObject()
        object.add("attributes", verbatim: list(point.attributes))
        object.add("timeUnixNano", .text("\(point.nanoseconds)"))
        // The mapping of protobuf to JSON writes them as texts.
        if point.value.isFinite {
            object.add("asDouble", .number(point.value))
        } else {
            let name = point.value.isNaN ? "NaN" : point.value < 0 ? "-Infinity" : "Infinity"
            object.add("asDouble", .text(name))
        }
        return object.text
    }

    private static func list(_ pairs: some Sequence<(key: String, value: String)>) -> String {
        "["
            + pairs.map { key, value in
                var inner = JSONObject()
                inner.add("stringValue", .text(value))
                var pair = JSONObject()
                pair.add("key", .text(key))
                pair.add("value", verbatim: inner.text)
                return pair.text
            }.joined(separator: ",") + "]"
    }
}
