import Foundation
import ProgressReports

/// A plain blocking client that may send what it likes.
final class Peer: Sendable {
    private let descriptor: Int32

    /// - Parameter token: Of the greeting; `nil` sends none.
    init(_ address: CollectorAddress, token: String? = "") throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        self.descriptor = descriptor
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        name.sin_port = address.port.bigEndian
        let status = withUnsafePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0 else { throw POSIXError(.ECONNREFUSED) }
        if let token { send(progressFrame(ProgressGreeting.Hello(token: token).encoded())) }
    }

    deinit { close(descriptor) }

    func send(_ bytes: [UInt8]) {
        _ = bytes.withUnsafeBytes {
            Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
    }

    /// Waits until the server has closed the connection.
    func waitForEnd() {
        var byte: UInt8 = 0
        while read(descriptor, &byte, 1) > 0 {}
    }

    /// The next frame from the server; `nil` at the end.
    func reply() throws -> ProgressGreeting.Reply? {
        guard let head = receive(4) else { return nil }
        let length = head.reduce(0) { $0 << 8 | Int($1) }
        return try receive(length).map { try ProgressGreeting.Reply(decoding: $0) }
    }

    private func receive(_ count: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        let got = recv(descriptor, &bytes, count, Int32(MSG_WAITALL))
        return got == count ? bytes : nil
    }

    func closeSending() { shutdown(descriptor, Int32(SHUT_WR)) }
}

func frame(_ record: TimedRecord) -> [UInt8] {
    progressFrame(ProgressMessage.encode(record))
}

let testRunID = "0123456789abcdef"

func warning(_ number: Int) -> TimedRecord {
    TimedRecord(
        runID: testRunID, sequence: UInt64(number), unixTimeNanoseconds: 1,
        record: .warning(.init(step: number, message: "number \(number)")))
}
