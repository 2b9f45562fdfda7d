import AsyncHTTPClient
import CollectorService
import Foundation
import NIOCore
import NIOHTTP1
import ProgressDelivery
import ProgressReports
import RunStore
import Testing

/// What the HTTP side answers, and to whom.
@Suite(.timeLimit(.minutes(10))) struct PageServerTests {
    private let path = NSTemporaryDirectory() + "lora-page-\(UUID().uuidString).sqlite"

    private func server(
        _ records: [TimedRecord], token: String? = nil
    ) async throws -> PageServer {
        try RunStore(writing: path).append(records, at: unixTimeNanoseconds())
        var security = CollectorSecurity()
        if let token {
            security.tokenFile = path + ".token"
            try token.write(toFile: path + ".token", atomically: true, encoding: .utf8)
        }
        let (address, path) = (CollectorAddress(host: "127.0.0.1", port: 0), path)
        // It waits for its start, for which tests must leave it a thread of the concurrency runtime's.
        return try await withCheckedThrowingContinuation { [security] continuation in
            DispatchQueue.global().async {
                continuation.resume(
                    with: Result {
                        try PageServer(
                            address: address, store: RunStore(reading: path), security: security)
                    })
            }
        }
    }

    private func get(
        _ server: PageServer, _ path: String, _ headers: [(String, String)] = []
    ) async throws -> (status: UInt, headers: HTTPHeaders, body: String) {
        var request = HTTPClientRequest(url: "http://\(server.address)\(path)")
        request.headers = HTTPHeaders(headers)
        let client = HTTPClient(
            eventLoopGroupProvider: .singleton,
            configuration: .init(redirectConfiguration: .disallow))
        let response = try await client.execute(request, timeout: .seconds(30))
        let body = try await response.body.collect(upTo: 64 << 20)
        try await client.shutdown()
        return (response.status.code, response.headers, String(buffer: body))
    }

    private func object(_ text: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    private func step(_ number: Int, run: String = testRunID) -> TimedRecord {
        TimedRecord(
            runID: run, epoch: 1, sequence: UInt64(number), unixTimeNanoseconds: 1_000_000_000,
            record: .step(
                .init(
                    step: number, epoch: 0, loss: number == 7 ? .nan : 2, targetTokens: 1,
                    tokens: 2, tokensPerSecond: 3, learningRate: 4, gradientNorm: .infinity,
                    computeSeconds: 5, reduceSeconds: 6, updateSeconds: 7)))
    }

    @Test func recordsComeInParts() async throws {
        let server = try await server((1...1200).map { step($0) })
        var after = 0
        var steps: [Int] = []
        while true {
            let answer = try await get(
                server, "/api/runs/\(testRunID)/records?after=\(after)&every=2&limit=450")
            let part = try object(answer.body)
            let records = try #require(part["records"] as? [[String: Any]])
            steps += records.compactMap { $0["step"] as? Int }
            after = try #require(part["last"] as? Int)
            if part["more"] as? Bool == false { break }
        }
        #expect(steps == stride(from: 2, through: 1200, by: 2).map { $0 })
        // Numbers that JSON has no word for.
        let whole = try await get(server, "/api/runs/\(testRunID)/records?limit=8")
        #expect(whole.body.contains("\"loss\":null"))
        server.stop()
    }

    @Test(arguments: [
        "after=-1", "after=9223372036854775807", "after=x", "every=0", "every=-5", "limit=0",
        "limit=-1", "limit=99999999999999999999", "every=9223372036854775807",
        "after=&every=&limit=",
    ])
    func oddNumbersAreNoTrouble(_ query: String) async throws {
        let server = try await server([step(1)])
        let answer = try await get(server, "/api/runs/\(testRunID)/records?\(query)")
        #expect(answer.status == 200)
        #expect(try object(answer.body)["records"] is [Any])
        server.stop()
    }

    @Test(arguments: ["a/b %41?#ü:'", "\u{FEFF}", "\u{FEFF}a\u{301}", "%"])
    func anyRunCanBeNamed(_ name: String) async throws {
        let server = try await server([step(1, run: name)])
        let escaped = try #require(
            name.addingPercentEncoding(withAllowedCharacters: .alphanumerics))
        let answer = try await get(server, "/api/runs/\(escaped)/records")
        #expect(try (object(answer.body)["records"] as? [Any])?.count == 1)
        let list = try object(try await get(server, "/api/runs").body)
        let runs = try #require(list["runs"] as? [[String: Any]])
        // Foundation's reader loses a byte-order mark.
        #expect(runs.map { $0["run_id"] as? String } == [name.replacing("\u{FEFF}", with: "")])
        #expect(runs.first?["last_row"] as? Int == 1)
        server.stop()
    }

    @Test func withoutTheTokenThereIsNothingToSee() async throws {
        let token = "a token; of some length"
        let server = try await server([step(1)], token: token)
        #expect(try await get(server, "/healthz").body == "ok\n")
        for path in [
            "/", "/page.js", "/api/runs", "/metrics", "/api/runs/x/records", "/?token=wrong",
        ] {
            let answer = try await get(server, path)
            #expect(answer.status == 401)
            #expect(!answer.body.contains(testRunID))
        }
        let bearer = try await get(server, "/api/runs", [("Authorization", "Bearer \(token)")])
        #expect(bearer.status == 200)
        let login = try await get(server, "/?token=a%20token%3B%20of%20some%20length")
        #expect(login.status == 303)
        let cookie = try #require(login.headers.first(name: "Set-Cookie"))
        // What a browser keeps is not the secret.
        #expect(!cookie.contains("some length"))
        let kept = String(cookie.prefix { $0 != ";" })
        #expect(try await get(server, "/metrics", [("Cookie", kept)]).status == 200)
        #expect(try await get(server, "/metrics", [("Cookie", kept + "0")]).status == 401)
        server.stop()
    }

    @Test func thePageLoadsNothingFromElsewhere() async throws {
        let server = try await server([])
        let page = try await get(server, "/")
        #expect(
            page.headers.first(name: "Content-Security-Policy")?.contains("default-src 'self'")
                == true)
        let sources = page.body.split(separator: "src=\"").dropFirst().map {
            $0.prefix { $0 != "\"" }
        }
        #expect(sources.count > 1)
        for source in sources + ["page.css"] {
            #expect(try await get(server, "/\(source)").status == 200, "\(source)")
        }
        server.stop()
    }
}
