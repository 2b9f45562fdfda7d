import ProgressReports
import Words

/// Where metrics go by OpenTelemetry's environment variables (its specification, "OTLP Exporter
/// Configuration").
///
/// They are often set for a whole cluster, so a value that cannot be followed ends no training: it becomes
/// one of ``remarks``, and the default stands in its place, as the specification asks.
public struct OTLPSettings: Sendable, Equatable {
    public let endpoint: String
    public let headers: [String: String]
    public let timeoutSeconds: Double
    public let isJSON: Bool
    /// Attributes of the resource, `service.name` among them.
    public let resource: [String: String]
    /// PEM files: whom to trust in place of the system's authorities, and who we are.
    public let certificateFile: String?
    public let clientCertificateFile: String?
    public let clientKeyFile: String?
    /// What was set and is not followed.
    public private(set) var remarks: [String] = []

    /// Whether the endpoint is an address at all; otherwise nothing is sent, which ``remarks`` say.
    public var isUsable: Bool { endpoint.hasPrefix("http://") || endpoint.hasPrefix("https://") }

    /// - Returns: `nil` where no endpoint is named, or metrics are turned off.
    public init?(environment: [String: String]) {
        func value(_ name: String) -> (name: String, text: String)? {
            for full in ["OTEL_EXPORTER_OTLP_METRICS_\(name)", "OTEL_EXPORTER_OTLP_\(name)"] {
                if let text = environment[full], !text.isEmpty { return (full, text) }
            }
            return nil
        }
        let exporters = (environment["OTEL_METRICS_EXPORTER"] ?? "otlp").split(separator: ",")
        guard environment["OTEL_SDK_DISABLED"]?.lowercased() != "true",
            exporters.contains(where: { $0.trimmed == "otlp" }), let endpoint = value("ENDPOINT")
        else { return nil }
        let isWhole = endpoint.name.contains("METRICS")
        let base = endpoint.text.hasSuffix("/") ? String(endpoint.text.dropLast()) : endpoint.text
        self.endpoint = isWhole ? endpoint.text : base + "/v1/metrics"
        let form = value("PROTOCOL")
        isJSON = form?.text == "http/json"
        let timeout = value("TIMEOUT")
        let milliseconds = timeout.flatMap { Double($0.text) }.flatMap {
            $0 > 0 && $0 < 1e9 ? $0 : nil
        }
        timeoutSeconds = (milliseconds ?? 10_000) / 1000
        certificateFile = value("CERTIFICATE")?.text
        clientCertificateFile = value("CLIENT_CERTIFICATE")?.text
        clientKeyFile = value("CLIENT_KEY")?.text
        var headers = Self.pairs(value("HEADERS")?.text)
        for (name, text) in headers.sorted(by: { $0.key < $1.key })
        where (name + text).unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F })
        {
            headers[name] = nil
            remarks.append(
                "OTEL_EXPORTER_OTLP_HEADERS: '\(name.printable)' has a line break or another "
                    + "control character in it and is not sent")
        }
        self.headers = headers
        var resource = Self.pairs(environment["OTEL_RESOURCE_ATTRIBUTES"])
        resource["service.name"] =
            environment["OTEL_SERVICE_NAME"] ?? resource["service.name"] ?? "lora-worker"
        self.resource = resource
        if !isUsable {
            remark(endpoint, "is no address; write it like http://host:4318. Nothing is sent")
        }
        if let form, !["http/protobuf", "http/json"].contains(form.text) {
            remark(form, "is not spoken here; http/protobuf is sent")
        }
        if let compression = value("COMPRESSION"), compression.text != "none" {
            remark(compression, "is not supported; nothing is compressed")
        }
        if let timeout, milliseconds == nil {
            remark(timeout, "is no number of milliseconds; 10000 are used")
        }
    }

    private mutating func remark(_ value: (name: String, text: String), _ problem: String) {
        remarks.append("\(value.name): '\(value.text.printable)' \(problem)")
    }

    /// `a=1,b=2` with percent-encoded values.
    private static func pairs(_ text: String?) -> [String: String] {
        var result: [String: String] = [:]
        for item in (text ?? "").split(separator: ",") {
            let parts = item.split(separator: "=", maxSplits: 1)
            guard parts.count == 2 else { continue }
            let name = parts[0].trimmed
            result[name] = parts[1].trimmed.percentDecoded
        }
        return result
    }
}

extension Substring {
    fileprivate var trimmed: String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
