import CollectorService
import Foundation
import ProgressDelivery
import ProgressReports
import RunStore
import TestSupport
import Testing

/// What a person is told of a collector that does not take reports, and when it does again.
@Suite(.timeLimit(.minutes(10))) struct ComplaintsTests {
    @Test func afterARefusalItIsToldThatReportsGoOn() throws {
        let store = NSTemporaryDirectory() + "lora-test-complaints-\(UUID().uuidString).sqlite"
        defer { try? FileManager.default.removeItem(atPath: store) }
        let told = Told()
        let (stream, address) = try refusedStream(told)
        let server = try CollectorServer(
            address: address, store: RunStore(writing: store), tellsRecords: false, tell: { _ in })
        defer { server.stop() }
        stream.finish(timeoutSeconds: 60)
        #expect(stream.counts.acknowledged == 1)
        #expect(
            told.lines == [
                "collector \(address) refuses the reports: the disk is full",
                "collector \(address) takes reports again",
            ])
    }

    /// A stream with a record, after a collector has refused it and gone.
    private func refusedStream(_ told: Told) throws -> (CollectorStream, CollectorAddress) {
        let listener = Listener()
        let address = CollectorAddress(host: "127.0.0.1", port: listener.port)
        let stream = try CollectorStream(address: address, spoolFolder: nil, tell: told.add)
        stream.receive(record(step(1), 1, 1))
        let refusal = progressFrame(ProgressGreeting.Reply.refusal("the disk is full").encoded())
        _ = listener.serve(answer: String(decoding: refusal, as: UTF8.self)) { bytes in
            // All of the greeting.
            bytes.count > 4 && bytes.count >= 4 + Int(bytes[3])
        }
        try waitUntil("the refusal") { !told.lines.isEmpty }
        return (stream, address)
    }
}
