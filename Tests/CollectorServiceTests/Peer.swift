import Foundation
import ProgressReports
import Testing

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
        // A server that neither answers nor closes fails the test, and does not hang it.
        var patience = timeval(tv_sec: 120, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(
                descriptor, SOL_SOCKET, option, &patience,
                socklen_t(MemoryLayout<timeval>.size))
        }
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
        while true {
            let count = read(descriptor, &byte, 1)
            if count < 0 && errno == EAGAIN {
                Issue.record("the server has not closed the connection within 120 s")
            }
            guard count > 0 else { return }
        }
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

    /// Asks as a browser does, and reads the answer to its end.
    func get(
        _ path: String, _ headers: [(String, String)]
    ) throws -> (status: Int, headers: [String: String], body: String) {
        ask(path, headers)
        return try answer()
    }

    /// Asks as a browser does.
    func ask(_ path: String, _ headers: [(String, String)] = []) {
        let lines = headers.map { "\($0.0): \($0.1)\r\n" }.joined()
        send(Array("GET \(path) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\(lines)\r\n".utf8))
    }

    /// Reads the answer to its end.
    func answer() throws -> (status: Int, headers: [String: String], body: String) {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            guard count > 0 else { break }
            bytes += buffer[..<count]
        }
        guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else {
            throw POSIXError(.EPROTO)
        }
        let head = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).split(
            separator: "\r\n")
        var fields: [String: String] = [:]
        for line in head.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            fields[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces)
        }
        let rest = bytes[end.upperBound...]
        let body = fields["transfer-encoding"] == "chunked" ? try Self.unchunked(rest) : Array(rest)
        let status = head[0].split(separator: " ")[1]
        return (Int(status) ?? 0, fields, String(decoding: body, as: UTF8.self))
    }

    private static func unchunked(_ bytes: ArraySlice<UInt8>) throws -> [UInt8] {
        var rest = bytes
        var body: [UInt8] = []
        while let line = rest.firstRange(of: [13, 10]) {
            let size = Int(String(decoding: rest[..<line.lowerBound], as: UTF8.self), radix: 16)
            guard let size, rest.endIndex >= line.upperBound + size + 2 else { break }
            if size == 0 { return body }
            body += rest[line.upperBound..<(line.upperBound + size)]
            rest = rest[(line.upperBound + size + 2)...]
        }
        throw POSIXError(.EPROTO)
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
