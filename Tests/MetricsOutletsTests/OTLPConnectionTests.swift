import Foundation
import MetricsOutlets
import ProgressReports
import TestSupport
import Testing

/// How an exporter reaches its receiver, and what it says where it does not.
@Suite(.timeLimit(.minutes(5))) struct OTLPConnectionTests {
    private static let certificates = Result { try Certificates() }

    /// Sends records through an exporter of its own.
    ///
    /// - Returns: What was told.
    private func send(
        _ records: [ProgressRecord] = [step(1)], to endpoint: String,
        _ variables: [String: String] = [:], library: String? = nil
    ) throws -> [String] {
        var environment = ["OTEL_EXPORTER_OTLP_ENDPOINT": endpoint]
        for (name, value) in variables { environment["OTEL_EXPORTER_OTLP_\(name)"] = value }
        let settings = try #require(OTLPSettings(environment: environment))
        let told = Told()
        let exporter =
            if let library {
                try OTLPMetricsExporter(
                    settings: settings, runName: "night", library: library, tell: told.add)
            } else {
                try OTLPMetricsExporter(settings: settings, runName: "night", tell: told.add)
            }
        exporter.receive(contentsOf: records.map { timed($0) })
        exporter.finish(timeoutSeconds: 5)
        return told.lines
    }

    /// The page's server knows no metrics: whoever reaches it is told so.
    private static let arrived = "HTTP 404"

    struct Meeting: Sendable, CustomTestStringConvertible {
        let server: String
        var clients: String?
        var authority: String? = "ours"
        var client: String?
        var host = "127.0.0.1"
        let outcome: String
        var testDescription: String { "\(self)" }
    }

    @Test(arguments: [
        Meeting(server: "server", outcome: arrived),
        Meeting(server: "server", host: "localhost", outcome: arrived),
        Meeting(
            server: "server", authority: "other", outcome: "TLS: its certificate is not signed"),
        Meeting(server: "server", authority: nil, outcome: "TLS: its certificate is not signed"),
        Meeting(server: "elsewhere", outcome: "TLS: its certificate does not name the address"),
        Meeting(
            server: "elsewhere", host: "localhost",
            outcome: "TLS: its certificate does not name the address"),
        Meeting(server: "server", clients: "ours", client: "client", outcome: arrived),
        Meeting(server: "server", clients: "ours", outcome: "TLS: it asks for a certificate"),
        Meeting(
            server: "server", clients: "ours", client: "stranger",
            outcome: "TLS: it does not trust the certificate that it is shown"),
    ])
    func whoIsTrusted(_ meeting: Meeting) throws {
        let files = try Self.certificates.get()
        let path = scratchPath("runs.sqlite")
        defer { try? FileManager.default.removeItem(atPath: path) }
        var flags = [
            "--store", path, "--tls-certificate", files.certificate(meeting.server), "--tls-key",
            files.key(meeting.server), "--quiet",
        ]
        if let clients = meeting.clients {
            flags += ["--tls-authority", files.certificate(clients)]
        }
        let server = try CollectorProgram(flags)
        defer { server.stop() }
        var variables: [String: String] = [:]
        variables["CERTIFICATE"] = meeting.authority.map(files.certificate)
        variables["CLIENT_CERTIFICATE"] = meeting.client.map(files.certificate)
        variables["CLIENT_KEY"] = meeting.client.map(files.key)
        let told = try send(to: "https://\(meeting.host):\(server.pagePort)", variables)
        #expect(told.first?.contains("(\(meeting.outcome)") == true, "\(told)")
    }

    @Test func filesThatCannotBeUsedEndTheStart() throws {
        let error = try #require(throws: ProgressError.self) {
            try send(to: "https://127.0.0.1:1", ["CERTIFICATE": "/nowhere/authority.pem"])
        }
        #expect(error.location == "/nowhere/authority.pem")
    }

    @Test func whoIsNotThereIsNamed() throws {
        let port = HeldPort()
        let told = try send(to: "http://127.0.0.1:\(port.port)")
        #expect(told.first?.contains("(Connection refused)") == true, "\(told)")
        #expect(told.last?.hasSuffix("1 records could not be passed on") == true)
    }

    /// It takes connections, and says nothing.
    @Test func aSilentReceiverHoldsUpNobody() throws {
        let silent = Listener()
        let told = try send(to: "http://127.0.0.1:\(silent.port)", ["TIMEOUT": "50"])
        #expect(told.first?.contains("(no answer)") == true, "\(told)")
    }

    @Test func aServerOfSomethingElseIsTold() throws {
        let listener = Listener()
        let done = DispatchSemaphore(value: 0)
        Thread {
            for _ in 1...5 { _ = listener.serve(answer: "220 mail\r\n") { !$0.isEmpty } }
            done.signal()
        }.start()
        let told = try send(to: "https://127.0.0.1:\(listener.port)")
        done.wait()
        #expect(told.first?.contains("(TLS: it does not speak TLS)") == true, "\(told)")
    }

    /// Nobody is asked whether a large body may come, and an answer is not kept however long it gets.
    @Test func largeBodiesAndAnswers() throws {
        let listener = Listener()
        let seen = Told()
        let done = DispatchSemaphore(value: 0)
        Thread {
            let first = listener.serveRequest(answer: "503 Busy")
            seen.add(first.head)
            seen.add("\(first.body.count)")
            let words = String(repeating: "x", count: 70_000)
            for _ in 2...5 {
                let answer = "HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n\(words)"
                _ = listener.serve(answer: answer) { $0.suffix(9).elementsEqual("]}}]}]}]}".utf8) }
            }
            done.signal()
        }.start()
        let records = (1...500).map { step($0) }
        let told = try send(
            records, to: "http://127.0.0.1:\(listener.port)", ["PROTOCOL": "http/json"])
        done.wait()
        #expect(seen.lines.first?.contains("expect:") == false)
        #expect(seen.lines.last.flatMap { Int($0) } ?? 0 > 1 << 20)
        #expect(told.first?.contains("(its answer is longer than 65536 bytes)") == true, "\(told)")
    }

    @Test func withoutTheLibraryItIsToldOnceWhatToInstall() throws {
        let told = try send(
            [step(1), step(2)], to: "http://127.0.0.1:1", library: "libnone.so.4")
        #expect(told.count == 2)
        #expect(told.first?.contains("libnone.so.4") == true)
        #expect(told.first?.contains("apt-get install libcurl4") == true)
    }
}
