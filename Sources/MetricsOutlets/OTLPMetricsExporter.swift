import AsyncHTTPClient
import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import ProgressDelivery
public import ProgressReports

/// Sends records to an OpenTelemetry receiver over HTTP, all that wait in one request.
///
/// Retries what the specification calls retryable (429, 502, 503, 504, no answer) with growing pauses;
/// what is refused otherwise is counted and not sent again.
public final class OTLPMetricsExporter: ProgressSink {
    private let settings: OTLPSettings
    private let runName: String
    private let group: MultiThreadedEventLoopGroup
    private let client: HTTPClient
    private let failures: FailureCount

    private static let attempts = 5
    private static let firstPauseSeconds = 0.25
    private static let longestPauseSeconds = 5.0
    private static let mostAnswerBytes = 64 << 10

    public init(
        settings: OTLPSettings, runName: String,
        tell: @escaping @Sendable (String) -> Void = tellOnStandardError
    ) throws(ProgressError) {
        self.settings = settings
        self.runName = runName
        var configuration = HTTPClient.Configuration()
        // This class tries again by itself, and tells when it is of no use.
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.timeout.connect = .seconds(5)
        // Headers with keys are for the receiver that was named, and for no other.
        configuration.redirectConfiguration = .disallow
        configuration.tlsConfiguration = try Self.tls(settings)
        let group = withAllSignalsBlocked { MultiThreadedEventLoopGroup(numberOfThreads: 1) }
        self.group = group
        client = HTTPClient(eventLoopGroupProvider: .shared(group), configuration: configuration)
        failures = FailureCount(place: settings.endpoint, tell: tell)
    }

    public var place: String { failures.place }

    deinit {
        client.shutdown { [group] _ in group.shutdownGracefully { _ in } }
    }

    private static func tls(_ settings: OTLPSettings) throws(ProgressError) -> TLSConfiguration {
        try CollectorSecurity(
            authorityFile: settings.certificateFile,
            certificateFile: settings.clientCertificateFile, keyFile: settings.clientKeyFile
        ).clientConfiguration()
    }

    public func receive(_ record: TimedRecord) { receive(contentsOf: [record]) }

    public func receive(contentsOf records: [TimedRecord]) {
        var metrics = OTLPMetrics(resource: settings.resource, runName: runName)
        for record in records { metrics.add(record) }
        guard metrics.pointCount > 0 else { return }
        let body = settings.isJSON ? metrics.json : metrics.protobuf
        if let problem = send(body) { failures.count(problem, records: records.count) }
    }

    public func finish(timeoutSeconds: Double) { failures.tellTotal() }

    /// - Returns: Why it did not arrive; `nil` if it did.
    private func send(_ body: [UInt8]) -> String? {
        var pause = Self.firstPauseSeconds
        var problem = ""
        for attempt in 1...Self.attempts {
            let (isOver, found, wanted) = attemptToSend(body)
            guard let found else { return nil }
            problem = found
            if isOver || attempt == Self.attempts { break }
            let seconds = min(
                wanted ?? pause * Double.random(in: 0.5...1), Self.longestPauseSeconds)
            usleep(UInt32(seconds * 1e6))
            pause *= 2
        }
        return problem
    }

    /// - Returns: Whether trying again is of no use, what went wrong, and how long the receiver asks to
    ///   wait.
    private func attemptToSend(_ body: [UInt8]) -> (Bool, String?, Double?) {
        do {
            var request = try HTTPClient.Request(url: settings.endpoint, method: .POST)
            request.headers.add(
                name: "Content-Type",
                value: settings.isJSON ? "application/json" : "application/x-protobuf")
            for (name, value) in settings.headers { request.headers.add(name: name, value: value) }
            request.body = .bytes(body)
            let deadline = NIODeadline.now() + .nanoseconds(Int64(settings.timeoutSeconds * 1e9))
            let answer = ResponseAccumulator(request: request, maxBodySize: Self.mostAnswerBytes)
            let response = try client.execute(
                request: request, delegate: answer, deadline: deadline
            ).wait()
            switch response.status.code {
            case 200..<300: return (true, nil, nil)
            case 429, 502, 503, 504:
                let wanted = response.headers.first(name: "Retry-After").flatMap { Double($0) }
                    .flatMap { $0 >= 0 ? $0 : nil }
                return (false, "HTTP \(response.status.code)", wanted)
            default: return (true, "HTTP \(response.status.code)", nil)
            }
        } catch {
            return (false, plainReason(error), nil)
        }
    }
}
