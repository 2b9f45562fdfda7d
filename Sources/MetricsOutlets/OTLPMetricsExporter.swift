import Glibc
import ProgressDelivery
public import ProgressReports
import Synchronization

/// Sends records to an OpenTelemetry receiver over HTTP, all that wait in one request.
///
/// Retries what the specification calls retryable (429, 502, 503, 504, no answer) with growing pauses;
/// what is refused otherwise is counted and not sent again.
public final class OTLPMetricsExporter: ProgressSink {
    private let settings: OTLPSettings
    private let runName: String
    private let sender: Mutex<Result<HTTPSender, HTTPFailure>>
    private let failures: FailureCount

    private static let attempts = 5
    private static let firstPauseSeconds = 0.25
    private static let longestPauseSeconds = 5.0

    /// - Throws: ``ProgressError`` naming a file of certificates or keys that cannot be used.
    public convenience init(
        settings: OTLPSettings, runName: String,
        tell: @escaping @Sendable (String) -> Void = tellOnStandardError
    ) throws(ProgressError) {
        try self.init(settings: settings, runName: runName, curl: Curl.shared, tell: tell)
    }

    /// - Parameter library: What is opened in place of libcurl.
    package convenience init(
        settings: OTLPSettings, runName: String, library: String,
        tell: @escaping @Sendable (String) -> Void
    ) throws(ProgressError) {
        let curl = Result { () throws(HTTPFailure) in try Curl(library) }
        try self.init(settings: settings, runName: runName, curl: curl, tell: tell)
    }

    private init(
        settings: OTLPSettings, runName: String, curl: Result<Curl, HTTPFailure>,
        tell: @escaping @Sendable (String) -> Void
    ) throws(ProgressError) {
        self.settings = settings
        self.runName = runName
        failures = FailureCount(place: settings.endpoint, tell: tell)
        let security = CollectorSecurity(
            authorityFile: settings.certificateFile,
            certificateFile: settings.clientCertificateFile, keyFile: settings.clientKeyFile)
        try security.checkClientFiles()
        let type = settings.isJSON ? "application/json" : "application/x-protobuf"
        sender = Mutex(
            Result { () throws(HTTPFailure) in
                try HTTPSender(
                    curl.get(), url: settings.endpoint,
                    headers: [("Content-Type", type)] + settings.headers.map { ($0, $1) },
                    timeoutSeconds: settings.timeoutSeconds, security: security)
            })
    }

    public var place: String { failures.place }

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
            let answer = try sender.withLock { sender throws(HTTPFailure) in
                switch sender {
                case .success(let sender): try sender.post(body)
                case .failure(let failure): throw failure
                }
            }
            switch answer.status {
            case 200..<300: return (true, nil, nil)
            case 429, 502, 503, 504:
                return (false, "HTTP \(answer.status)", answer.retryAfterSeconds)
            default: return (true, "HTTP \(answer.status)", nil)
            }
        } catch {
            return (error.isLasting, error.reason, nil)
        }
    }
}
