import Words

/// `HOST:PORT` of a collector; an IPv6 address stands in brackets, `[::1]:7700`.
public struct CollectorAddress: Sendable, Equatable, CustomStringConvertible {
    public let host: String
    public let port: UInt16

    public init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// Reads `text`, the value of `flag` (`--collector`, `--listen`).
    public init(_ text: String, flag: String) throws(ProgressError) {
        guard let colon = text.lastIndex(of: ":"),
            let port = Self.port(text[text.index(after: colon)...]),
            let host = Self.host(text[..<colon])
        else {
            throw ProgressError(
                "'\(text.prefix(200).description.printable)' is not HOST:PORT", at: flag,
                hint: "Write it like 127.0.0.1:7700, node1:7700 or [::1]:7700")
        }
        self.host = host
        self.port = port
    }

    /// Whether only this machine can reach it.
    public var isLoopback: Bool {
        let isAddress = host.utf8.allSatisfy { $0 == UInt8(ascii: ".") || (48...57).contains($0) }
        return host == "localhost" || host == "::1" || (isAddress && host.hasPrefix("127."))
    }

    public var description: String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    private static func port(_ text: Substring) -> UInt16? {
        // UInt16 alone would take "+7700".
        text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            ? UInt16(text) : nil
    }

    private static func host(_ text: Substring) -> String? {
        var host = text
        if host.hasPrefix("[") && host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        let isPlain = host.unicodeScalars.allSatisfy { $0.value > 0x20 && $0.value < 0x7F }
        return host.isEmpty || !isPlain || host.contains("[") ? nil : String(host)
    }
}
