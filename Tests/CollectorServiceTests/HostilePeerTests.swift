import CollectorService
import Foundation
import ProgressReports
import RunStore
import TestSupport
import Testing

/// What one peer does must not cost the others.
@Suite(.timeLimit(.minutes(10))) struct HostilePeerTests {
    typealias Service = CollectorServerTests.Service

    @Test func strangersGiveWayAndFriendsDoNot() throws {
        var limits = CollectorServer.Limits()
        limits.connections = 8
        limits.strangers = 4
        let service = try Service(limits: limits)
        let friend = try Peer(service.server.address)
        friend.send(frame(warning(1)))
        _ = try service.waitForLines(1)
        var strangers: [Peer] = []
        for _ in 1...20 { strangers.append(try Peer(service.server.address, token: nil)) }
        try service.waitUntilTold("another connection needs its place", times: 16)
        // A newcomer who greets is let in, and who greeted before was not disturbed.
        let newcomer = try Peer(service.server.address)
        newcomer.send(frame(warning(2)))
        friend.send(frame(warning(3)))
        #expect(try Set(service.waitForLines(3).map(\.sequence)) == [1, 2, 3])
        withExtendedLifetime(strangers) {}
    }

    @Test func whoReadsNoAnswersIsClosed() throws {
        let service = try Service()
        let honest = try Peer(service.server.address)
        let greedy = try Peer(service.server.address)
        // An answer for each epoch, some hundred bytes of them each, and none is read.
        let bytes = (1...60_000).flatMap { number -> [UInt8] in
            var record = warning(1)
            record.runID = String(repeating: "r", count: 250)
            record.epoch = UInt64(number)
            return frame(record)
        }
        let sender = Thread { greedy.send(bytes) }
        sender.start()
        try service.waitUntilTold("it does not read what it is answered")
        honest.send(frame(warning(1)))
        try waitUntil("the honest peer's record") { try !service.store(testRunID).isEmpty }
    }

    @Test(arguments: [Int64.min, -1, Int64.max])
    func impossibleTimesAreRefused(_ nanoseconds: Int64) throws {
        let service = try Service()
        let peer = try Peer(service.server.address)
        #expect(try peer.reply() == .welcome(version: 1))
        var record = warning(1)
        record.unixTimeNanoseconds = nanoseconds
        peer.send(frame(record))
        #expect(try peer.reply() == .refusal("a record of an impossible time"))
        #expect(try service.lines().isEmpty)
    }

    @Test func aStoreWithImpossibleTimesCanStillBeRead() throws {
        let path = NSTemporaryDirectory() + "lora-times-\(UUID().uuidString).sqlite"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let store = try RunStore(writing: path)
        for (number, time) in [Int64.min, -1, Int64.max].enumerated() {
            var record = warning(1)
            record.runID = "run\(number)"
            record.unixTimeNanoseconds = time
            try store.append([record], at: time)
        }
        #expect(try store.runs(now: .max).count == 3)
        #expect(try store.runs(now: .min).count == 3)
    }
}

extension CollectorServerTests.Service {
    /// What is stored of a run.
    func store(_ runID: String) throws -> [TimedRecord] {
        try RunStore(reading: store).records(of: runID)
    }
}
