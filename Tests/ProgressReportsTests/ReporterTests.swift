import Foundation
import ProgressReports
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5))) struct ReporterTests {
    @Test func addressesAreReadStrictly() throws {
        #expect(
            try CollectorAddress("[::1]:7700", flag: "--collector")
                == CollectorAddress(host: "::1", port: 7700))
        #expect(try CollectorAddress("node1:0", flag: "--listen").description == "node1:0")
        for text in [
            "", ":", "host", "host:", ":7700", "host:65536", "host:-1", "host:+1", "::1:7",
            "a b:1", "[]:1", "h:1x",
        ] {
            let error = #expect(throws: ProgressError.self, "\(text)") {
                try CollectorAddress(text, flag: "--listen")
            }
            #expect(error?.location == "--listen")
        }
    }

    @Test func theReporterNumbersAndStamps() {
        final class Recorder: ProgressSink, @unchecked Sendable {
            let place = "a list"
            var records: [TimedRecord] = []
            func receive(_ record: TimedRecord) { records.append(record) }
            func finish(timeoutSeconds: Double) {}
        }
        let first = Recorder()
        let second = Recorder()
        let reporter = ProgressReporter(runID: "r", sinks: [first, second], clock: { 42 })
        for record in examples { reporter.report(record) }
        #expect(first.records.map(\.sequence) == Array(1...UInt64(examples.count)))
        #expect(first.records.allSatisfy { $0.runID == "r" && $0.unixTimeNanoseconds == 42 })
        #expect(zip(first.records, second.records).allSatisfy { $0.sequence == $1.sequence })
    }

    /// Blocks in ``receive(_:)`` until it is let go.
    final class Stuck: ProgressSink, @unchecked Sendable {
        let place = "a place that is stuck"
        let gate = DispatchSemaphore(value: 0)
        private let lock = NSLock()
        private var stored: [UInt64] = []
        var sequences: [UInt64] { lock.withLock { stored } }
        func receive(_ record: TimedRecord) {
            gate.wait()
            lock.withLock { stored.append(record.sequence) }
        }
        func finish(timeoutSeconds: Double) {}
    }

    @Test func aSinkThatBlocksHoldsNobodyUp() throws {
        let stuck = Stuck()
        let sink = try BackgroundSink(stuck, capacity: 10)
        let reporter = ProgressReporter(runID: "r", epoch: 3, sinks: [sink])
        for number in 1...1000 { reporter.report(step(number)) }
        reporter.report(examples[3])
        #expect(reporter.longestHandOverSeconds > 0)
        for _ in 0..<2000 { stuck.gate.signal() }
        sink.finish(timeoutSeconds: 60)
        let sequences = stuck.sequences
        // What was under way, the newest steps, and the checkpoint.
        #expect(sequences.count <= 21)
        #expect(sequences.last == 1001)
        #expect(sequences == sequences.sorted())
    }

    @Test func whatDoesNotGoOutInTimeIsCounted() throws {
        let (stuck, told) = (Stuck(), Told())
        let sink = try BackgroundSink(stuck, capacity: 100, tell: told.add)
        let reporter = ProgressReporter(runID: "r", sinks: [sink])
        for number in 1...7 { reporter.report(step(number)) }
        reporter.finish(timeoutSeconds: 0.05)
        #expect(told.lines == ["a place that is stuck does not take the last 7 records in time"])
        for _ in 0..<10 { stuck.gate.signal() }
    }

    @Test func flushWaitsForAllThatWasReceived() throws {
        let stuck = Stuck()
        let sink = try BackgroundSink(stuck, capacity: .max)
        for number in 1...100 { sink.receive(timed(step(number), sequence: UInt64(number))) }
        for _ in 0..<100 { stuck.gate.signal() }
        sink.flush()
        #expect(stuck.sequences == Array(1...100))
        sink.finish(timeoutSeconds: 60)
    }

    @Test func localAddressesAreKnown() {
        for host in ["127.0.0.1", "127.1.2.3", "::1", "localhost"] {
            #expect(CollectorAddress(host: host, port: 1).isLoopback)
        }
        for host in ["0.0.0.0", "10.0.0.1", "127.example.org", "::", "node1"] {
            #expect(!CollectorAddress(host: host, port: 1).isLoopback)
        }
    }
}
