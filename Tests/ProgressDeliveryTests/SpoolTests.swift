import CollectorService
import Foundation
import ProgressDelivery
import ProgressReports
import RunStore
import TestSupport
import Testing

/// Streams with a spool against a collector that is away, comes, and goes.
@Suite(.timeLimit(.minutes(10))) struct SpoolTests {
    private let folder: String
    private let held = HeldPort()

    init() throws {
        folder = NSTemporaryDirectory() + "lora-test-spool-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
    }

    private var address: CollectorAddress {
        CollectorAddress(host: "127.0.0.1", port: held.port)
    }
    private var spool: String { folder + "/spool" }
    private var store: String { folder + "/runs.sqlite" }

    private func stream(
        spoolBytes: Int = 16 << 20, to spool: String? = nil,
        tell: @escaping @Sendable (String) -> Void = { _ in }
    ) throws -> CollectorStream {
        var limits = CollectorStream.Limits()
        limits.spoolBytes = spoolBytes
        // The queue in memory is not what is tested here.
        limits.queuedRecords = 1_000_000
        return try CollectorStream(
            address: address, spoolFolder: spool ?? self.spool,
            limits: limits, tell: tell)
    }

    private func server() throws -> CollectorServer {
        try CollectorServer(
            address: address, store: RunStore(writing: store), tellsRecords: false,
            tell: { _ in })
    }

    private func stored() throws -> [TimedRecord] {
        try RunStore(reading: store).records(of: runID)
    }

    /// Sends steps `range`, each fifth followed by a checkpoint, as a job that ends without a collector.
    private func abandonedJob(epoch: UInt64, steps: Int, spoolBytes: Int = 16 << 20) throws -> Int {
        let stream = try stream(spoolBytes: spoolBytes)
        var sequence: UInt64 = 0
        for number in 1...steps {
            sequence += 1
            stream.receive(record(step(number), epoch, sequence))
            if number.isMultiple(of: 5) {
                sequence += 1
                stream.receive(record(checkpoint(number), epoch, sequence))
            }
        }
        stream.finish(timeoutSeconds: 1.5)
        #expect(stream.counts.dropped == 0)
        return Int(sequence)
    }

    @Test func whatAJobLeavesGoesWithTheNext() throws {
        let first = try abandonedJob(epoch: 1, steps: 300)
        let second = try abandonedJob(epoch: 2, steps: 100)
        let server = try server()
        let stream = try stream()
        stream.receive(record(step(1), 3, 1))
        stream.finish(timeoutSeconds: 60)
        server.stop()
        let records = try stored()
        let counts: [(epoch: UInt64, count: Int)] = [(1, first), (2, second), (3, 1)]
        for (epoch, count) in counts {
            let own = records.filter { $0.epoch == epoch }.map(\.sequence)
            #expect(own == (1...UInt64(count)).map { $0 })
        }
        #expect(records.map(\.epoch) == records.map(\.epoch).sorted())
        #expect(!records.contains { $0.record.kind == "gap" })
        // All has arrived: nothing stays on the disk.
        #expect(!FileManager.default.fileExists(atPath: spool))
    }

    @Test func aFullSpoolKeepsWhatMattersAndTellsTheRest() throws {
        let last = try abandonedJob(epoch: 1, steps: 20_000, spoolBytes: 1 << 20)
        let sizes = try FileManager.default.contentsOfDirectory(atPath: spool).map {
            try FileManager.default.attributesOfItem(atPath: spool + "/" + $0)[.size] as? Int ?? 0
        }
        #expect(sizes.reduce(0, +) < 2 << 20)
        let server = try server()
        let stream = try stream()
        stream.finish(timeoutSeconds: 60)
        server.stop()
        let records = try stored()
        #expect(records.count { $0.record.kind == "checkpoint" } == 4000)
        #expect(records.contains { $0.record.kind == "gap" })
        try expectWhole(records, last: last)
    }

    @Test func damageIsAGapAndNothingElse() throws {
        let last = try abandonedJob(epoch: 1, steps: 5000)
        let names = try FileManager.default.contentsOfDirectory(atPath: spool).sorted()
        #expect(names.count > 2)
        var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: spool + "/" + names[1])))
        bytes[bytes.count / 2] ^= 1
        try Data(bytes).write(to: URL(fileURLWithPath: spool + "/" + names[1]))
        let server = try server()
        let stream = try stream()
        stream.finish(timeoutSeconds: 60)
        server.stop()
        let records = try stored()
        #expect(records.count { $0.record.kind == "gap" } == 1)
        try expectWhole(records, last: last)
    }

    @Test func withoutADiskTheLastRecordsStillArrive() throws {
        let server = try server()
        let stream = try stream(to: "/proc/nowhere/spool")
        for number in 1...1000 {
            stream.receive(record(step(number), 1, UInt64(number)))
            if number.isMultiple(of: 100) { usleep(20_000) }
        }
        stream.finish(timeoutSeconds: 60)
        server.stop()
        try expectWhole(try stored(), last: 1000)
        #expect(stream.counts.acknowledged + stream.counts.dropped == 1000)
    }

    /// What stands in the spool's folder and is no record of a run's waits for nobody.
    @Test func whereNothingWaitsNothingIsSaid() throws {
        try FileManager.default.createDirectory(atPath: spool, withIntermediateDirectories: true)
        for name in ["000000000007.records.new", "notes.txt"] {
            try Data("half".utf8).write(to: URL(fileURLWithPath: spool + "/" + name))
        }
        let server = try server()
        let told = Told()
        let stream = try stream(tell: told.add)
        stream.receive(record(step(1), 1, 1))
        stream.finish(timeoutSeconds: 60)
        server.stop()
        #expect(told.lines == [])
        #expect(try FileManager.default.contentsOfDirectory(atPath: spool) == ["notes.txt"])
    }

    @Test func whatWaitsIsSaid() throws {
        let told = Told()
        let stream = try stream(tell: told.add)
        stream.receive(record(step(1), 1, 1))
        stream.finish(timeoutSeconds: 0)
        #expect(told.lines.last?.contains("they wait in \(spool)") == true, "\(told.lines)")
    }

    /// Every sequence is a record or in a gap, once.
    private func expectWhole(_ records: [TimedRecord], last: Int) throws {
        var next: UInt64 = 1
        for record in records {
            if case .gap(let gap) = record.record {
                #expect(gap.firstSequence == next)
            } else {
                #expect(record.sequence == next)
            }
            next = record.sequence + 1
        }
        #expect(next == UInt64(last) + 1)
    }
}
