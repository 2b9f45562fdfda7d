import Foundation
import ProgressReports
import Testing

/// The stream against peers that do not behave; the real collector is in CollectorServiceTests.
@Suite(.timeLimit(.minutes(10))) struct CollectorStreamTests {
    /// A listening socket whose connections nobody serves unless a test does.
    final class Listener {
        let descriptor: Int32
        let address: CollectorAddress

        /// With `isListening` false the port is only held, so that connections are refused.
        init(isListening: Bool = true) throws {
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            self.descriptor = descriptor
            var name = sockaddr_in()
            name.sin_family = sa_family_t(AF_INET)
            name.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            var size = socklen_t(MemoryLayout<sockaddr_in>.size)
            let port = withUnsafeMutablePointer(to: &name) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                    _ = bind(descriptor, generic, size)
                    if isListening { _ = listen(descriptor, 8) }
                    getsockname(descriptor, generic, &size)
                }
                return UInt16(bigEndian: pointer.pointee.sin_port)
            }
            address = CollectorAddress(host: "127.0.0.1", port: port)
        }

        deinit { close(descriptor) }

        func startListening() { listen(descriptor, 8) }

        /// Accepts and reads whole frames until `count` have come or the peer closes.
        func frames(_ count: Int) throws -> [TimedRecord] {
            let connection = accept(descriptor, nil, nil)
            defer { close(connection) }
            let handle = FileHandle(fileDescriptor: connection)
            var records: [TimedRecord] = []
            while records.count < count {
                let head = handle.readData(ofLength: 4)
                guard head.count == 4 else { break }
                let length = head.reduce(0) { $0 << 8 | Int($1) }
                records.append(
                    try ProgressMessage.decode([UInt8](handle.readData(ofLength: length))))
            }
            return records
        }
    }

    @Test func framesArriveInOrder() throws {
        let listener = try Listener()
        let stream = try CollectorStream(address: listener.address)
        for (index, record) in examples.enumerated() {
            stream.receive(timed(record, sequence: UInt64(index + 1)))
        }
        let records = try listener.frames(examples.count)
        #expect(records.map(\.sequence) == Array(1...UInt64(examples.count)))
        #expect(zip(records, examples).allSatisfy { same($0.record, $1) })
        stream.finish(timeoutSeconds: 5)
        #expect(stream.counts.sent == examples.count)
    }

    @Test func withoutACollectorTheQueueKeepsWhatMatters() throws {
        let nobody = try Listener(isListening: false)
        let told = Told()
        let stream = try CollectorStream(address: nobody.address, capacity: 10, tell: told.add)
        for number in 1...100 {
            stream.receive(timed(step(number)))
            if number % 20 == 0 { stream.receive(timed(examples[3])) }
        }
        #expect(
            stream.counts
                == CollectorStream.Counts(received: 105, sent: 0, dropped: 95, queued: 10))
        stream.finish(timeoutSeconds: 0.3)
        #expect(told.lines.count == 1)
        #expect(told.lines[0].contains("105 of 105 records did not arrive, 95 of them dropped"))
    }

    @Test func stepsAreDroppedFirstAndTheOldestOfThem() throws {
        let listener = try Listener(isListening: false)
        let stream = try CollectorStream(address: listener.address, capacity: 10)
        for number in 1...100 {
            stream.receive(timed(step(number), sequence: UInt64(number)))
            if number % 20 == 0 {
                stream.receive(timed(examples[3], sequence: UInt64(1000 + number)))
            }
        }
        listener.startListening()
        let sequences = try listener.frames(11).map(\.sequence)
        #expect(
            sequences.filter { $0 > 0 }
                == [1020, 1040, 1060, 1080, 96, 97, 98, 99, 100, 1100])
        #expect(sequences.contains(0))
        stream.finish(timeoutSeconds: 0.1)
    }

    @Test func droppedRecordsAreToldOnceTheCollectorIsThere() throws {
        let listener = try Listener()
        // The listener's backlog takes the connection, but nobody reads: fill all buffers.
        let told = Told()
        let stream = try CollectorStream(address: listener.address, capacity: 4, tell: told.add)
        let big = String(repeating: "x", count: 60_000)
        while stream.counts.dropped < 5 {
            stream.receive(timed(.warning(.init(step: 3, message: big))))
        }
        let before = stream.counts
        stream.receive(timed(examples[6]))
        let ending = Thread { stream.finish(timeoutSeconds: 30) }
        ending.start()
        let records = try listener.frames(.max)
        let drops = records.filter { $0.sequence == 0 }
        #expect(!drops.isEmpty)
        let count = drops.map { record -> Int in
            guard case .warning(let warning) = record.record else { return 0 }
            return Int(warning.message.prefix { $0 != " " }) ?? 0
        }.reduce(0, +)
        #expect(count == stream.counts.dropped)
        #expect(count >= before.dropped)
        #expect(records.contains { $0.record.kind == "finished" })
        #expect(stream.counts.sent + stream.counts.dropped == stream.counts.received)
    }

    @Test func aCollectorThatNeverReadsHoldsNothingUp() throws {
        let listener = try Listener()
        let told = Told()
        let stream = try CollectorStream(address: listener.address, capacity: 100, tell: told.add)
        // Far more than socket buffers hold; each call returns at once, or this test would not end.
        let text = String(repeating: "x", count: 50_000)
        for number in 1...2000 {
            stream.receive(timed(.warning(.init(step: number, message: text))))
        }
        let counts = stream.counts
        #expect(counts.queued <= 100)
        #expect(counts.received == 2000)
        #expect(counts.dropped >= 1)
        stream.finish(timeoutSeconds: 0.2)
        #expect(told.lines.count == 1)
    }

    @Test func aConnectionThatBreaksIsMadeAgainAndTheFrameIsSentAgain() throws {
        let listener = try Listener()
        let stream = try CollectorStream(address: listener.address)
        for _ in 0..<3 {
            // Reset instead of an orderly end: no lingering.
            let connection = accept(listener.descriptor, nil, nil)
            var linger = linger(l_onoff: 1, l_linger: 0)
            setsockopt(
                connection, SOL_SOCKET, SO_LINGER, &linger,
                socklen_t(MemoryLayout.size(ofValue: linger)))
            close(connection)
        }
        let connection = Thread { [stream] in
            // Sent after the resets, as what was taken before may be lost by design.
            Thread.sleep(forTimeInterval: 0.05)
            for number in 1...20 {
                stream.receive(timed(step(number), sequence: UInt64(number)))
            }
        }
        connection.start()
        let records = try listener.frames(1)
        #expect(records.count == 1)
        stream.finish(timeoutSeconds: 0.2)
    }

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
}
