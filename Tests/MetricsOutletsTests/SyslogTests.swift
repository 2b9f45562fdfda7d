import Foundation
import MetricsOutlets
import ProgressReports
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5))) struct SyslogTests {
    /// The messages of a stream with octet counting (RFC 6587); `nil` if one is not whole.
    private func messages(_ bytes: [UInt8]) -> [String]? {
        var rest = bytes[...]
        var found: [String] = []
        while !rest.isEmpty {
            let digits = rest.prefix { (48...57).contains($0) }
            guard let length = Int(String(decoding: digits, as: UTF8.self)),
                rest.count >= digits.count + 1 + length
            else { return nil }
            rest = rest.dropFirst(digits.count + 1)
            found.append(String(decoding: rest.prefix(length), as: UTF8.self))
            rest = rest.dropFirst(length)
        }
        return found
    }

    @Test func messagesAreThoseOfRFC5424() throws {
        let listener = Listener()
        let sink = SyslogSink(
            address: CollectorAddress(host: "127.0.0.1", port: listener.port), host: "node1")
        let records: [ProgressRecord] = [
            step(1), .warning(.init(step: 1, message: "Grüße\n]\"\\")),
            .failed(.init(step: 2, exitCode: 75, message: "gone")),
        ]
        let done = DispatchSemaphore(value: 0)
        let thread = Thread {
            for record in records { sink.receive(timed(record)) }
            sink.finish(timeoutSeconds: 30)
            done.signal()
        }
        thread.start()
        let bytes = listener.serve { messages($0)?.count == 3 }
        done.wait()
        let found = try #require(messages(bytes))
        let head = "1 2024-11-23T19:47:14.500000Z node1 lora-worker \(getpid())"
        for (message, (severity, kind)) in zip(
            found, [(134, "step"), (132, "warning"), (131, "failed")])
        {
            let start = "<\(severity)>\(head) \(kind) - {"
            #expect(message.hasPrefix(start), "\(message)")
            let json = Data(message.utf8.dropFirst(start.utf8.count - 1))
            let object = try JSONSerialization.jsonObject(with: json) as? [String: Any]
            #expect(object?["run_id"] as? String == "run-1")
        }
    }

    @Test func aServerThatComesLateGetsWhatWaits() throws {
        let told = Told()
        let port = Listener().port
        let away = SyslogSink(
            address: CollectorAddress(host: "127.0.0.1", port: port), host: "node1", tell: told.add)
        for number in 1...5 { away.receive(timed(step(number))) }
        away.finish(timeoutSeconds: 0.1)
        #expect(told.lines.count == 2)
        #expect(told.lines[1] == "syslog 127.0.0.1:\(port): 5 records could not be passed on")
    }
}
