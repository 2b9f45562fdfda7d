import CollectorService
import Faults
import Foundation
import ProgressDelivery
import ProgressReports
import RunStore
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10))) struct CollectorServerTests {
    /// A server on a free port with its file and what it told.
    final class Service: Sendable {
        let server: CollectorServer
        let store: String
        let told: Told

        init(
            port: UInt16 = 0, limits: CollectorServer.Limits = .init(),
            security: CollectorSecurity = CollectorSecurity()
        ) throws {
            store = NSTemporaryDirectory() + "lora-collector-\(UUID().uuidString).sqlite"
            told = Told()
            server = try CollectorServer(
                address: CollectorAddress(host: "127.0.0.1", port: port),
                store: RunStore(writing: store), security: security, limits: limits,
                tell: told.add)
        }

        deinit {
            server.stop()
            for suffix in ["", "-wal", "-shm"] {
                try? FileManager.default.removeItem(atPath: store + suffix)
            }
        }

        /// What is stored, in the order of arrival.
        func lines() throws -> [TimedRecord] {
            let store = try RunStore(reading: store)
            return try store.runs().flatMap { run in
                try store.records(of: run.runID)
            }
        }

        /// Waits for the loop to have told something.
        func waitUntilTold(_ text: String, times: Int = 1) throws {
            try waitUntil("'\(text)', \(times) times") {
                told.lines.count { $0.contains(text) } >= times
            }
        }

        func waitForLines(_ count: Int) throws -> [TimedRecord] {
            try waitFor("\(count) records in the store") {
                let lines = try lines()
                return lines.count >= count ? lines : nil
            }
        }
    }

    @Test func aHundredRecordsOfAStreamArriveInOrder() throws {
        let service = try Service()
        let stream = try CollectorStream(
            address: service.server.address, spoolFolder: nil)
        for number in 1...100 { stream.receive(warning(number)) }
        stream.finish(timeoutSeconds: 30)
        #expect(stream.counts == CollectorStream.Counts(received: 100, acknowledged: 100))
        let lines = try service.lines()
        #expect(lines.map(\.sequence) == Array(1...100))
        #expect(lines.allSatisfy { $0.runID == testRunID && $0.record.kind == "warning" })
        #expect(service.told.lines.count == 100)
        #expect(service.told.lines[0].hasPrefix("[01234567 127.0.0.1:"))
        #expect(service.told.lines[0].hasSuffix("] warning at step 1: number 1"))
    }

    @Test func aCollectorThatStartsLateGetsTheRecordsAndTheGaps() throws {
        let held = HeldPort()
        let address = CollectorAddress(host: "127.0.0.1", port: held.port)
        var limits = CollectorStream.Limits()
        limits.queuedRecords = 50
        let stream = try CollectorStream(
            address: address, spoolFolder: nil, limits: limits)
        // More than memory holds: 256 wait in place of a spool, 50 in the queue.
        for number in 1...400 { stream.receive(warning(number)) }
        let dropped = stream.counts.dropped
        #expect(dropped > 0)
        let service = try Service(port: address.port)
        stream.finish(timeoutSeconds: 60)
        let lines = try service.lines()
        var expected: UInt64 = 1
        for line in lines {
            if case .gap(let gap) = line.record {
                #expect(gap.firstSequence == expected)
            } else {
                #expect(line.sequence == expected)
            }
            expected = line.sequence + 1
        }
        #expect(expected == 401)
    }

    @Test func whatIsAcknowledgedIsStored() throws {
        let service = try Service()
        let peer = try Peer(service.server.address)
        #expect(try peer.reply() == .welcome(version: 1))
        // A retransmission, another run and an older epoch on one connection.
        for (number, epoch) in [(1, 7), (2, 7), (1, 7), (1, 3), (3, 7)] as [(Int, UInt64)] {
            var record = warning(number)
            record.epoch = epoch
            peer.send(frame(record))
        }
        var last: [UInt64: UInt64] = [:]
        while last != [7: 3, 3: 1] {
            guard
                case .acknowledgement(let runID, let epoch, let sequence) = try #require(
                    try peer.reply())
            else { continue }
            #expect(runID == testRunID)
            let stored = try service.lines()
            #expect(stored.contains { $0.epoch == epoch && $0.sequence == sequence })
            last[epoch] = sequence
        }
        #expect(try service.lines().count == 4)
    }

    @Test func strangersAreRefused() throws {
        let file = NSTemporaryDirectory() + "lora-token-\(UUID().uuidString)"
        try "a-token-of-some-length\n".write(toFile: file, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: file) }
        let service = try Service(security: CollectorSecurity(tokenFile: file))
        for token in ["", "a-token-of-some-lengtH", "a-token-of-some-length "] {
            let peer = try Peer(service.server.address, token: token)
            let reason =
                token.isEmpty
                ? "no token (--collector-token-file), which this collector asks for" : "wrong token"
            #expect(try peer.reply() == .refusal(reason))
            peer.waitForEnd()
        }
        let stranger = try Peer(service.server.address, token: nil)
        stranger.send(frame(warning(1)))
        stranger.waitForEnd()
        let friend = try Peer(service.server.address, token: "a-token-of-some-length")
        friend.send(frame(warning(2)))
        #expect(try service.waitForLines(1).map(\.sequence) == [2])
        // Open to others without a token: no.
        let open = #expect(throws: CollectorServiceError.self) {
            try CollectorServer(
                address: CollectorAddress(host: "0.0.0.0", port: 0),
                store: RunStore(writing: service.store), tell: { _ in })
        }
        #expect(open?.exitCode == .badInput)
    }

    @Test func whoNeverGreetsIsClosed() throws {
        var limits = CollectorServer.Limits()
        limits.greetingSeconds = 0.2
        let service = try Service(limits: limits)
        try Peer(service.server.address, token: nil).waitForEnd()
        try service.waitUntilTold("no greeting for 0.2 seconds")
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
        try service.waitUntilTold(": closed: ")
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
        try service.waitUntilTold("half a frame for 0.3 seconds")
        // A peer between frames may stay as long as it likes.
        idle.send(frame(warning(2)))
        #expect(try service.waitForLines(2).map(\.sequence) == [1, 2])
        let torn = try Peer(service.server.address)
        torn.send(Array(frame(warning(3)).dropLast()))
        torn.closeSending()
        try service.waitUntilTold("ended within a frame")
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
        try service.waitUntilTold("there are 3 connections already")
        // One goes, the next may come.
        peers.removeFirst()
        try waitUntil("a place for the next") {
            let next = try Peer(service.server.address)
            next.send(frame(warning(9)))
            next.closeSending()
            next.waitForEnd()
            return try service.lines().contains { $0.sequence == 9 }
        }
    }

    @Test func manyConnectionsAtOnce() throws {
        let service = try Service()
        let peers = try (0..<200).map { _ in try Peer(service.server.address) }
        for round in 0..<3 {
            for (index, peer) in peers.enumerated() {
                peer.send(frame(warning(round * 200 + index + 1)))
            }
        }
        // A peer that is closed with replies unread resets its connection.
        let lines = try withExtendedLifetime(peers) { try service.waitForLines(600) }
        #expect(Set(lines.map(\.sequence)) == Set(1...600))
    }

    @Test func whatCannotStartSaysWhy() throws {
        let service = try Service()
        func fault(_ host: String, _ port: UInt16) throws -> CollectorServiceError? {
            let token = service.store + ".token"
            try "0123456789abcdef".write(toFile: token, atomically: true, encoding: .utf8)
            defer { try? FileManager.default.removeItem(atPath: token) }
            let store = try RunStore(writing: service.store)
            return #expect(throws: CollectorServiceError.self) {
                try CollectorServer(
                    address: CollectorAddress(host: host, port: port), store: store,
                    security: CollectorSecurity(tokenFile: token), tell: { _ in })
            }
        }
        let taken = try fault("127.0.0.1", service.server.address.port)
        #expect(taken?.problem.contains("is taken by another program") == true)
        #expect(taken?.exitCode == .tryAgain)
        let elsewhere = try fault("192.0.2.1", 0)
        #expect(elsewhere?.location == "--listen")
        #expect(elsewhere?.exitCode == .badInput)
        let noStore = #expect(throws: RunStoreError.self) {
            try RunStore(writing: "/nowhere/x.sqlite")
        }
        #expect(noStore?.location == "/nowhere/x.sqlite")
        #expect(noStore?.exitCode == .badInput)
    }
}
