import CollectorService
import Faults
import Foundation
import ProgressReports
import Testing

@Suite(.timeLimit(.minutes(10))) struct CollectorServerTests {
    /// A server on a free port with its file and what it told.
    final class Service: Sendable {
        let server: CollectorServer
        let store: String
        let told: Told

        /// Thread-safe list of lines.
        final class Told: @unchecked Sendable {
            private let lock = NSLock()
            private var stored: [String] = []
            var lines: [String] { lock.withLock { stored } }
            @Sendable func add(_ line: String) { lock.withLock { stored.append(line) } }
        }

        init(port: UInt16 = 0, limits: CollectorServer.Limits = .init()) throws {
            store = NSTemporaryDirectory() + "lora-collector-\(UUID().uuidString).jsonl"
            told = Told()
            server = try CollectorServer(
                address: CollectorAddress(host: "127.0.0.1", port: port), storePath: store,
                limits: limits, tell: told.add)
        }

        deinit {
            server.stop()
            try? FileManager.default.removeItem(atPath: store)
        }

        struct Line: Decodable, Equatable {
            var kind: String
            var run_id: String
            var sequence: Int
            var step: Int?
        }

        /// The whole lines of the store: a reader may come while the last one is being written.
        func lines() throws -> [Line] {
            let bytes = try Data(contentsOf: URL(fileURLWithPath: store))
            guard let end = bytes.lastIndex(of: UInt8(ascii: "\n")) else { return [] }
            return try bytes[...end].split(separator: UInt8(ascii: "\n")).map {
                try JSONDecoder().decode(Line.self, from: Data($0))
            }
        }

        /// Waits for the loop to have told something; the suite's time limit ends it otherwise.
        func waitUntilTold(_ text: String, times: Int = 1) {
            while told.lines.filter({ $0.contains(text) }).count < times {
                Thread.sleep(forTimeInterval: 0.005)
            }
        }

        func waitForLines(_ count: Int) throws -> [Line] {
            while try lines().count < count { Thread.sleep(forTimeInterval: 0.005) }
            return try lines()
        }
    }

    @Test func aHundredRecordsOfAStreamArriveInOrder() throws {
        let service = try Service()
        let stream = try CollectorStream(address: service.server.address)
        for number in 1...100 { stream.receive(warning(number)) }
        stream.finish(timeoutSeconds: 30)
        #expect(stream.counts == CollectorStream.Counts(received: 100, sent: 100))
        // The farewell waits for the server's end of the connection, so all is stored by now.
        let lines = try service.lines()
        #expect(lines.map(\.sequence) == Array(1...100))
        #expect(lines.allSatisfy { $0.run_id == "0123456789abcdef" && $0.kind == "warning" })
        #expect(service.told.lines.count == 100)
        #expect(service.told.lines[0].hasPrefix("[01234567 127.0.0.1:"))
        #expect(service.told.lines[0].hasSuffix("] warning at step 1: number 1"))
    }

    @Test func aCollectorThatStartsLateGetsTheRecordsAndTheCountOfTheRest() throws {
        let held = HeldPort()
        let address = held.address
        let stream = try CollectorStream(address: address, capacity: 50)
        for number in 1...80 { stream.receive(warning(number)) }
        #expect(stream.counts.dropped == 30)
        let service = try Service(port: address.port)
        stream.finish(timeoutSeconds: 60)
        let lines = try service.lines()
        #expect(lines.map(\.sequence) == [0] + Array(31...80))
        #expect(
            service.told.lines[0].hasSuffix(
                "30 progress records were dropped because the collector \(address) did not take "
                    + "them in time"))
    }

    @Test func oneByteAtATimeIsFine() throws {
        let service = try Service()
        let peer = try Peer(service.server.address)
        for byte in frame(warning(1)) + frame(warning(2)) { peer.send([byte]) }
        #expect(try service.waitForLines(2).map(\.sequence) == [1, 2])
    }

    @Test(
        arguments: [
            ([0xFF, 0xFF, 0xFF, 0xFF], "a frame of 4294967295 bytes"),
            ([0, 1, 0, 1], "a frame of 65537 bytes"), ([0, 0, 0, 0], "a frame of 0 bytes"),
            ([0, 0, 0, 2, 0xFF, 0xFF], "not a progress message"),
            (Array("GET / HTTP/1.1\r\n\r\n".utf8), "not a progress stream"),
        ] as [([UInt8], String)])
    func brokenFramesCloseTheirConnectionOnly(_ bytes: [UInt8], _ reason: String) throws {
        let service = try Service()
        let honest = try Peer(service.server.address)
        honest.send(frame(warning(1)))
        let broken = try Peer(service.server.address)
        broken.send(frame(warning(2)) + bytes + frame(warning(3)))
        broken.waitForEnd()
        service.waitUntilTold(": closed: ")
        honest.send(frame(warning(4)))
        #expect(Set(try service.waitForLines(3).map(\.sequence)) == [1, 2, 4])
        let closed = service.told.lines.filter { $0.contains(": closed: ") }
        #expect(closed.count == 1)
        #expect(closed[0].contains(reason))
    }

    @Test func halfFramesEndByDeadlineOrByThePeer() throws {
        var limits = CollectorServer.Limits()
        limits.frameSeconds = 0.3
        let service = try Service(limits: limits)
        let slow = try Peer(service.server.address)
        let idle = try Peer(service.server.address)
        idle.send(frame(warning(1)))
        // Dripping bytes do not extend the time: the loop ends only because the server closes.
        slow.send([0, 0])
        slow.waitForEnd()
        service.waitUntilTold("half a frame for 0.3 seconds")
        // A peer between frames may stay as long as it likes.
        idle.send(frame(warning(2)))
        #expect(try service.waitForLines(2).map(\.sequence) == [1, 2])
        let torn = try Peer(service.server.address)
        torn.send(Array(frame(warning(3)).dropLast()))
        torn.closeSending()
        service.waitUntilTold("ended within a frame")
        #expect(try service.lines().count == 2)
    }

    @Test func connectionsAreLimited() throws {
        var limits = CollectorServer.Limits()
        limits.connections = 3
        let service = try Service(limits: limits)
        var peers: [Peer] = []
        for number in 1...3 {
            let peer = try Peer(service.server.address)
            peer.send(frame(warning(number)))
            peers.append(peer)
        }
        _ = try service.waitForLines(3)
        let fourth = try Peer(service.server.address)
        fourth.waitForEnd()
        service.waitUntilTold("there are 3 connections already")
        // One goes, the next may come.
        peers.removeFirst()
        while true {
            let next = try Peer(service.server.address)
            next.send(frame(warning(9)))
            next.closeSending()
            next.waitForEnd()
            if try service.lines().contains(where: { $0.sequence == 9 }) { break }
        }
    }

    @Test func manyConnectionsAtOnce() throws {
        let service = try Service()
        let peers = try (0..<200).map { _ in try Peer(service.server.address) }
        for round in 0..<3 {
            for (index, peer) in peers.enumerated() {
                peer.send(frame(warning(round * 200 + index)))
            }
        }
        let lines = try service.waitForLines(600)
        #expect(Set(lines.map(\.sequence)) == Set(0..<600))
    }

    @Test func anEarlierHalfLineIsNotContinued() throws {
        let first = try Service()
        try Data("{\"kind\":\"st".utf8).write(to: URL(fileURLWithPath: first.store))
        let second = try CollectorServer(
            address: CollectorAddress(host: "127.0.0.1", port: 0), storePath: first.store,
            tell: { _ in })
        defer { second.stop() }
        #expect(try String(contentsOfFile: first.store, encoding: .utf8) == "{\"kind\":\"st\n")
    }

    @Test func whatCannotStartSaysWhy() throws {
        let service = try Service()
        func fault(_ host: String, _ port: UInt16, _ store: String) -> CollectorServiceError? {
            #expect(throws: CollectorServiceError.self) {
                try CollectorServer(
                    address: CollectorAddress(host: host, port: port), storePath: store,
                    tell: { _ in })
            }
        }
        let taken = fault("127.0.0.1", service.server.address.port, service.store)
        #expect(taken?.problem.contains("is taken by another program") == true)
        #expect(taken?.exitCode == .tryAgain)
        let elsewhere = fault("192.0.2.1", 0, service.store)
        #expect(elsewhere?.location == "--listen")
        #expect(elsewhere?.exitCode == .badInput)
        let noStore = fault("127.0.0.1", 0, "/nowhere/x.jsonl")
        #expect(noStore?.location == "--store")
        #expect(noStore?.exitCode == .badInput)
    }
}
