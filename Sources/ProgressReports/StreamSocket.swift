import Glibc

/// A non-blocking TCP socket, closed at the end of its life.
struct StreamSocket: ~Copyable {
    let descriptor: Int32

    enum Sending: Equatable {
        case sent(Int)
        case wouldBlock
        case broken
    }

    enum Input: Equatable {
        case open
        case closed
    }

    enum ConnectionState: Equatable {
        case underway
        case connected
        case failed
    }

    /// Begins to connect; nil if that fails at once.
    init?(connectingTo candidate: ResolvedAddress) {
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let number = socket(candidate.family, type | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard number >= 0 else { return nil }
        // A peer that vanished without a word is given up after half a minute.
        var milliseconds: Int32 = 30_000
        var on: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        setsockopt(number, Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, &milliseconds, size)
        setsockopt(number, Int32(IPPROTO_TCP), TCP_NODELAY, &on, size)
        setsockopt(number, SOL_SOCKET, SO_KEEPALIVE, &on, size)
        let status = candidate.bytes.withUnsafeBytes { bytes in
            guard let address = bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self) else {
                return Int32(-1)
            }
            return connect(number, address, socklen_t(bytes.count))
        }
        guard status == 0 || errno == EINPROGRESS || errno == EINTR else {
            close(number)
            return nil
        }
        descriptor = number
    }

    deinit {
        close(descriptor)
    }

    var connectionState: ConnectionState {
        var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        guard poll(&entry, 1, 0) == 1 else { return .underway }
        var error: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        guard getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size) == 0, error == 0 else {
            return .failed
        }
        return .connected
    }

    /// Hands bytes to the kernel; a closed peer is a result, not a SIGPIPE.
    func send(_ bytes: ArraySlice<UInt8>) -> Sending {
        let count = bytes.withUnsafeBytes {
            Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
        if count >= 0 { return .sent(count) }
        return errno == EAGAIN || errno == EINTR ? .wouldBlock : .broken
    }

    /// Reads what there is and forgets it.
    func discardInput() -> Input {
        var buffer = [UInt8](repeating: 0, count: 4096)
        // Bounded, so that a peer that never stops talking cannot hold the thread.
        for _ in 0..<16 {
            let count = read(descriptor, &buffer, buffer.count)
            if count == 0 { return .closed }
            if count < 0 { return errno == EAGAIN || errno == EINTR ? .open : .closed }
        }
        return .open
    }

    func closeSending() {
        shutdown(descriptor, Int32(SHUT_WR))
    }
}

/// A socket address as the resolver gave it.
struct ResolvedAddress {
    var family: Int32
    var bytes: [UInt8]
}

/// All addresses of a host; empty if it is not known (now).
func resolve(_ address: CollectorAddress) -> [ResolvedAddress] {
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    hints.ai_flags = AI_NUMERICSERV
    var list: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(address.host, String(address.port), &hints, &list) == 0 else { return [] }
    defer { freeaddrinfo(list) }
    var result: [ResolvedAddress] = []
    var next = list
    while let entry = next?.pointee {
        if let pointer = entry.ai_addr {
            let bytes = UnsafeRawBufferPointer(start: pointer, count: Int(entry.ai_addrlen))
            result.append(ResolvedAddress(family: entry.ai_family, bytes: Array(bytes)))
        }
        next = entry.ai_next
    }
    return result
}
