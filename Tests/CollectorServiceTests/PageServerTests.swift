import Foundation
import ProgressReports
import RunStore
import TestSupport
import Testing

/// What the HTTP side answers, and to whom: of the program, so that no thread of the tests is in its way.
@Suite(.timeLimit(.minutes(10))) struct PageServerTests {
    private let path = NSTemporaryDirectory() + "lora-page-\(UUID().uuidString).sqlite"

    private func server(_ records: [TimedRecord], token: String? = nil) throws -> CollectorProgram {
        try RunStore(writing: path).append(records, at: unixTimeNanoseconds())
        var flags = ["--store", path]
        if let token {
            try token.write(toFile: path + ".token", atomically: true, encoding: .utf8)
            flags += ["--token-file", path + ".token"]
        }
        return try CollectorProgram(flags)
    }

    private func get(
        _ server: CollectorProgram, _ path: String, _ headers: [(String, String)] = []
    ) throws -> (status: Int, headers: [String: String], body: String) {
        try Peer(CollectorAddress(host: "127.0.0.1", port: server.pagePort), token: nil)
            .get(path, headers)
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

    @Test func recordsComeInParts() throws {
        let server = try server((1...1200).map { step($0) })
        var after = 0
        var steps: [Int] = []
        while true {
            let answer = try get(
                server, "/api/runs/\(testRunID)/records?after=\(after)&every=2&limit=450")
            let part = try object(answer.body)
            let records = try #require(part["records"] as? [[String: Any]])
            steps += records.compactMap { $0["step"] as? Int }
            after = try #require(part["last"] as? Int)
            if part["more"] as? Bool == false { break }
        }
        // Of equal losses the first: it is odd in a group that begins with 1, or whose even step came in the
        // part before.
        #expect(steps == Set(stride(from: 2, through: 1200, by: 2)).union([1, 899]).sorted())
        // Numbers that JSON has no word for.
        let whole = try get(server, "/api/runs/\(testRunID)/records?limit=8")
        #expect(whole.body.contains("\"loss\":null"))
        server.stop()
    }

    @Test(arguments: [
        "after=-1", "after=9223372036854775807", "after=x", "every=0", "every=-5", "limit=0",
        "limit=-1", "limit=99999999999999999999", "every=9223372036854775807",
        "after=&every=&limit=",
    ])
    func oddNumbersAreNoTrouble(_ query: String) throws {
        let server = try server([step(1)])
        let answer = try get(server, "/api/runs/\(testRunID)/records?\(query)")
        #expect(answer.status == 200)
        #expect(try object(answer.body)["records"] is [Any])
        server.stop()
    }

    @Test func whatIsNotKnownIsNotFound() throws {
        let server = try server([step(1)])
        let answer = try get(server, "/api/runs/%1B%5B31mnobody/records")
        #expect(answer.status == 404)
        #expect(answer.body == "no run \u{FFFD}[31mnobody: /api/runs lists them\n")
        server.stop()
    }

    @Test func theStateOfARunIsAMetric() throws {
        let server = try server([step(1)])
        let states = try get(server, "/metrics").body.split(separator: "\n").filter {
            $0.hasPrefix("lora_run_state{")
        }
        #expect(states.count == 4)
        #expect(
            states.filter { $0.hasSuffix(" 1.0") }.map(String.init) == [
                "lora_run_state{run_id=\"\(testRunID)\",run_name=\"\",state=\"running\"} 1.0"
            ])
        server.stop()
    }

    @Test(arguments: ["a/b %41?#ü:'", "\u{FEFF}", "\u{FEFF}a\u{301}", "%"])
    func anyRunCanBeNamed(_ name: String) throws {
        let server = try server([step(1, run: name)])
        let escaped = try #require(
            name.addingPercentEncoding(withAllowedCharacters: .alphanumerics))
        let answer = try get(server, "/api/runs/\(escaped)/records")
        #expect(try (object(answer.body)["records"] as? [Any])?.count == 1)
        let list = try object(try get(server, "/api/runs").body)
        let runs = try #require(list["runs"] as? [[String: Any]])
        // Foundation's reader loses a byte-order mark.
        #expect(runs.map { $0["run_id"] as? String } == [name.replacing("\u{FEFF}", with: "")])
        #expect(runs.first?["last_row"] as? Int == 1)
        server.stop()
    }

    /// Readers that wait for the store, more than there are processors, hold up no probe.
    @Test func whoReadsTheStoreHoldsUpNobodyElse() throws {
        let server = try server([step(1)])
        let address = CollectorAddress(host: "127.0.0.1", port: server.pagePort)
        let held = try HeldReading(of: path)
        let readers = try (0..<(4 * ProcessInfo.processInfo.activeProcessorCount)).map { _ in
            let reader = try Peer(address, token: nil)
            reader.ask("/api/runs/\(testRunID)/records?every=2&limit=1")
            return reader
        }
        #expect(try get(server, "/healthz").body == "ok\n")
        held.release()
        // Of readers that have waited in vain for ten seconds the answer would be another.
        for reader in readers { #expect(try reader.answer().status == 200) }
        server.stop()
    }

    /// Keeps other processes from beginning to read a store.
    private struct HeldReading {
        private let descriptor: Int32

        /// Takes SQLite's locks of those who read a write-ahead log (bytes 123 to 127 of the index beside it).
        init(of store: String) throws {
            descriptor = open(store + "-shm", O_RDWR | O_CLOEXEC)
            var lock = flock()
            lock.l_type = Int16(F_WRLCK)
            lock.l_whence = Int16(SEEK_SET)
            lock.l_start = 123
            lock.l_len = 5
            try #require(fcntl(descriptor, F_SETLKW, &lock) == 0)
        }

        func release() { close(descriptor) }
    }

    @Test func withoutTheTokenThereIsNothingToSee() throws {
        let token = "a-token;of+some%length"
        let server = try server([step(1)], token: token)
        #expect(try get(server, "/healthz").body == "ok\n")
        for path in [
            "/", "/page.js", "/api/runs", "/metrics", "/api/runs/x/records", "/?token=wrong",
        ] {
            let answer = try get(server, path)
            #expect(answer.status == 401)
            #expect(!answer.body.contains(testRunID))
        }
        let bearer = try get(server, "/api/runs", [("Authorization", "Bearer \(token)")])
        #expect(bearer.status == 200)
        let login = try get(server, "/?token=a-token%3Bof%2Bsome%25length")
        #expect(login.status == 303)
        let cookie = try #require(login.headers["set-cookie"])
        // What a browser keeps is not the secret.
        #expect(!cookie.contains("some%length"))
        let kept = String(cookie.prefix { $0 != ";" })
        #expect(try get(server, "/metrics", [("Cookie", kept)]).status == 200)
        #expect(try get(server, "/metrics", [("Cookie", kept + "0")]).status == 401)
        server.stop()
    }

    @Test func thePageLoadsNothingFromElsewhere() throws {
        let server = try server([])
        let page = try get(server, "/")
        #expect(
            page.headers["content-security-policy"]?.contains("default-src 'self'")
                == true)
        let sources = page.body.split(separator: "src=\"").dropFirst().map {
            $0.prefix { $0 != "\"" }
        }
        #expect(sources.count > 1)
        for source in sources + ["page.css"] {
            #expect(try get(server, "/\(source)").status == 200, "\(source)")
        }
        server.stop()
    }
}
