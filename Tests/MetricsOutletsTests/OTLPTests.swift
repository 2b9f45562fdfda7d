import Foundation
import MetricsOutlets
import TestSupport
import Testing

/// What is sent is decoded with OpenTelemetry's own classes in `scripts/trials/outlets`.
@Suite(.timeLimit(.minutes(5))) struct OTLPTests {
    @Test func withoutAnEndpointThereIsNoExporter() {
        let endpoint = ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"]
        #expect(OTLPSettings(environment: [:]) == nil)
        #expect(OTLPSettings(environment: ["OTEL_EXPORTER_OTLP_ENDPOINT": ""]) == nil)
        for off in [
            ["OTEL_METRICS_EXPORTER": "none"], ["OTEL_METRICS_EXPORTER": "console"],
            ["OTEL_SDK_DISABLED": "True"],
        ] {
            #expect(OTLPSettings(environment: endpoint.merging(off) { $1 }) == nil)
        }
        #expect(
            OTLPSettings(
                environment: endpoint.merging(["OTEL_METRICS_EXPORTER": "console, otlp"]) { $1 })
                != nil)
    }

    @Test func theMoreSpecialVariableWins() throws {
        let general = [
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://general:4318/base/",
            "OTEL_EXPORTER_OTLP_HEADERS": "api-key=a%20b%2Cc, x = y",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "2500",
            "OTEL_RESOURCE_ATTRIBUTES": "service.name=other,team=a%C3%A9",
        ]
        let settings = try #require(OTLPSettings(environment: general))
        #expect(settings.endpoint == "http://general:4318/base/v1/metrics")
        #expect(settings.headers == ["api-key": "a b,c", "x": "y"])
        #expect(settings.timeoutSeconds == 2.5)
        #expect(settings.resource == ["service.name": "other", "team": "aé"])
        #expect(!settings.isJSON)
        #expect(settings.remarks.isEmpty)
        let special = try #require(
            OTLPSettings(
                environment: general.merging([
                    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "https://special/as/is",
                    "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "http/json",
                    "OTEL_SERVICE_NAME": "mine",
                ]) { $1 }))
        #expect(special.endpoint == "https://special/as/is")
        #expect(special.isJSON)
        #expect(special.resource["service.name"] == "mine")
    }

    @Test func whatCannotBeFollowedIsToldAndStopsNothing() throws {
        let settings = try #require(
            OTLPSettings(environment: [
                "OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318",
                "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
                "OTEL_EXPORTER_OTLP_TIMEOUT": "soon",
            ]))
        #expect(settings.remarks.count == 3)
        #expect(settings.timeoutSeconds == 10)
        #expect(settings.remarks[0].hasPrefix("OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc'"))
    }

    private func exporter(_ listener: Listener, _ told: Told) throws -> OTLPMetricsExporter {
        let settings = try #require(
            OTLPSettings(environment: [
                "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:\(listener.port)",
                "OTEL_EXPORTER_OTLP_HEADERS": "api-key=secret",
                "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json",
            ]))
        return try OTLPMetricsExporter(settings: settings, runName: "night", tell: told.add)
    }

    /// Answers one request after the other while `body` runs.
    private func requests(
        _ answers: [String], _ body: @escaping @Sendable (Listener, Told) throws -> Void
    ) throws -> (requests: [(head: String, body: [UInt8])], told: [String]) {
        let (listener, told) = (Listener(), Told())
        let done = DispatchSemaphore(value: 0)
        let thread = Thread {
            try? body(listener, told)
            done.signal()
        }
        thread.start()
        let seen = answers.map { listener.serveRequest(answer: $0) }
        done.wait()
        return (seen, told.lines)
    }

    /// Waiting times that are no numbers above 0 must not be waited for.
    @Test(arguments: ["-1", "nan", "soon", "0"])
    func aBusyReceiverIsAskedAgain(_ wait: String) throws {
        let again = "503 Busy\r\nRetry-After: \(wait)"
        let (seen, told) = try requests([again, "200 OK"]) { listener, told in
            let exporter = try exporter(listener, told)
            exporter.receive(contentsOf: [timed(evaluation), timed(step(51))])
            exporter.finish(timeoutSeconds: 5)
        }
        #expect(told.isEmpty)
        #expect(seen.allSatisfy { $0.body == seen[0].body })
        #expect(seen[0].head.hasPrefix("post /v1/metrics http/1.1"))
        #expect(seen[0].head.contains("api-key: secret"))
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(seen[0].body)) as? [String: Any])
        let text = String(decoding: seen[0].body, as: UTF8.self)
        #expect(object["resourceMetrics"] != nil)
        #expect(text.contains("\"asDouble\":\"NaN\""))
        #expect(text.contains("\"name\":\"lora.step.rank_compute_seconds\""))
        #expect(text.contains("\"timeUnixNano\":\"1732391234500000123\""))
    }

    @Test func aRefusalIsCountedAndKeysGoNowhereElse() throws {
        let elsewhere = Listener()
        let moved = "307 Moved\r\nLocation: http://127.0.0.1:\(elsewhere.port)/v1/metrics"
        let (seen, told) = try requests(["400 Bad", moved]) { listener, told in
            let exporter = try exporter(listener, told)
            exporter.receive(contentsOf: [timed(step(1)), timed(step(2))])
            exporter.receive(timed(step(3)))
            exporter.finish(timeoutSeconds: 5)
        }
        #expect(seen.count == 2)
        #expect(told.count == 2)
        #expect(told.first?.contains("HTTP 400") == true)
        #expect(told.last?.hasSuffix("3 records could not be passed on") == true)
    }
}
