import Foundation

/// A server of one connection at a time that a test answers by hand.
final class Listener: Sendable {
    private let descriptor: Int32
    let port: UInt16

    init() {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        self.descriptor = descriptor
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = bind(descriptor, $0, size)
                getsockname(descriptor, $0, &size)
            }
        }
        listen(descriptor, 16)
        port = UInt16(bigEndian: name.sin_port)
    }

    deinit { close(descriptor) }

    /// Waits for a connection and reads until `isWhole`, answers, and closes it.
    ///
    /// - Returns: What was read.
    func serve(answer: String = "", until isWhole: ([UInt8]) -> Bool) -> [UInt8] {
        let connection = accept(descriptor, nil, nil)
        defer { close(connection) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while !isWhole(bytes) {
            let count = read(connection, &buffer, buffer.count)
            guard count > 0 else { break }
            bytes += buffer[..<count]
        }
        _ = Array(answer.utf8).withUnsafeBytes {
            send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
        return bytes
    }

    /// Serves one HTTP request: its head and body.
    func serveRequest(answer: String) -> (head: String, body: [UInt8]) {
        let end = Array("\r\n\r\n".utf8)
        func parts(_ bytes: [UInt8]) -> (String, [UInt8])? {
            guard let place = bytes.firstRange(of: end) else { return nil }
            let head = String(decoding: bytes[..<place.lowerBound], as: UTF8.self).lowercased()
            let length =
                head.split(separator: "\r\n").first { $0.hasPrefix("content-length:") }
                .flatMap { Int($0.dropFirst("content-length:".count).drop { $0 == " " }) } ?? 0
            let body = Array(bytes[place.upperBound...])
            return body.count >= length ? (head, body) : nil
        }
        let text =
            "HTTP/1.1 \(answer)\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        return parts(serve(answer: text) { parts($0) != nil }) ?? ("", [])
    }
}

/// Collects what sinks tell.
final class Told: @unchecked Sendable {
    private let lock = NSLock()
    private var stored: [String] = []

    var lines: [String] { lock.withLock { stored } }

    func add(_ line: String) { lock.withLock { stored.append(line) } }
}
