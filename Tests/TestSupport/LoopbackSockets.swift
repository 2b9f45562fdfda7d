import Foundation

/// A socket with a free port of 127.0.0.1; nobody listens on it yet, and no other test is given it.
public final class HeldPort: Sendable {
    let descriptor: Int32
    public let port: UInt16

    public init() {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        self.descriptor = descriptor
        // Lets a server that sets it too bind beside this socket.
        var on: Int32 = 1
        setsockopt(
            descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
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
        port = UInt16(bigEndian: name.sin_port)
    }

    deinit { close(descriptor) }
}

/// A server of one connection at a time that a test answers by hand.
public final class Listener: Sendable {
    private let held = HeldPort()
    public var port: UInt16 { held.port }

    public init() { listen(held.descriptor, 16) }

    /// Waits for a connection and reads until `isWhole`, answers, and closes it.
    ///
    /// - Returns: What was read.
    public func serve(answer: String = "", until isWhole: ([UInt8]) -> Bool) -> [UInt8] {
        let connection = accept(held.descriptor, nil, nil)
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
    public func serveRequest(answer: String) -> (head: String, body: [UInt8]) {
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
        let text = "HTTP/1.1 \(answer)\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        return parts(serve(answer: text) { parts($0) != nil }) ?? ("", [])
    }
}
