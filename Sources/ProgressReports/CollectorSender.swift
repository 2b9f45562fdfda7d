import Glibc

/// The sending thread of a ``CollectorStream``: connect, send, on trouble wait and connect again.
///
/// `@unchecked Sendable`: its state is touched by its one thread only.
final class CollectorSender: @unchecked Sendable {
    private let address: CollectorAddress
    private let mailbox: CollectorMailbox
    /// The frame under way and how much of it this connection has taken.
    private var frame: [UInt8] = []
    private var framePosition = 0
    private var frameIsCounted = false
    private var pauseSeconds = CollectorSender.shortestPauseSeconds

    private static let shortestPauseSeconds = 0.1
    private static let longestPauseSeconds = 5.0
    /// A connection that lived this long was a good one: the next pause is short again.
    private static let goodConnection = Duration.seconds(5)
    private static let connectLimit = Duration.seconds(5)
    private static let farewellLimit = Duration.seconds(2)

    init(address: CollectorAddress, mailbox: CollectorMailbox) {
        self.address = address
        self.mailbox = mailbox
    }

    func run() {
        defer { mailbox.tellSenderEnded() }
        while true {
            if let socket = connect() {
                let begin = ContinuousClock.now
                let isDone = serve(socket)
                if isDone { return }
                if .now - begin > Self.goodConnection { pauseSeconds = Self.shortestPauseSeconds }
            }
            if !pause() { return }
        }
    }

    /// Waits before the next attempt: up to twice as long each time, at random so that the workers
    /// of a cluster do not all come back in the same instant.
    ///
    /// - Returns: Whether to try again.
    private func pause() -> Bool {
        let wasFinishing = mailbox.deadline != nil
        let end = ContinuousClock.now + .seconds(pauseSeconds * Double.random(in: 0.5...1))
        pauseSeconds = min(pauseSeconds * 2, Self.longestPauseSeconds)
        while .now < end {
            if let deadline = mailbox.deadline {
                if deadline <= .now || hasNothingToSend { return false }
                // The end of the run does not wait for a long pause that began before it.
                if !wasFinishing {
                    pauseSeconds = Self.shortestPauseSeconds
                    return true
                }
            }
            waitForNews(until: end, socket: nil, events: 0)
        }
        return mailbox.deadline.map { $0 > .now } ?? true
    }

    private var hasNothingToSend: Bool { frame.isEmpty && mailbox.counts.queued == 0 }

    /// Sends until the connection breaks.
    ///
    /// - Returns: Whether all is done: everything sent after the end of the run, or no time left.
    private func serve(_ socket: borrowing StreamSocket) -> Bool {
        framePosition = 0
        while true {
            if let deadline = mailbox.deadline, deadline <= .now { return true }
            if frame.isEmpty { loadFrame() }
            if frame.isEmpty, mailbox.deadline != nil {
                sayFarewell(socket)
                return true
            }
            switch frame.isEmpty ? .wouldBlock : socket.send(frame[framePosition...]) {
            case .sent(let count):
                framePosition += count
                if framePosition == frame.count {
                    if frameIsCounted { mailbox.countSent() }
                    frame = []
                    framePosition = 0
                }
            case .wouldBlock:
                waitForNews(
                    until: nil, socket: socket.descriptor,
                    events: POLLIN | (frame.isEmpty ? 0 : POLLOUT))
                // Collectors send nothing; what they say is dropped, and their end is noticed.
                if socket.discardInput() == .closed { return false }
            case .broken: return false
            }
        }
    }

    private func loadFrame() {
        guard let (record, counted) = mailbox.next(address: address) else { return }
        let message = ProgressMessage.encode(record)
        frame = withUnsafeBytes(of: UInt32(message.count).bigEndian) { Array($0) } + message
        frameIsCounted = counted
    }

    /// Closes our direction and gives the collector time to read the rest: closing at once could
    /// reset the connection while frames are still on their way.
    private func sayFarewell(_ socket: borrowing StreamSocket) {
        socket.closeSending()
        let end = min(mailbox.deadline ?? .now, .now + Self.farewellLimit)
        while .now < end {
            if socket.discardInput() == .closed { return }
            waitForNews(until: end, socket: socket.descriptor, events: POLLIN)
        }
    }

    private func connect() -> StreamSocket? {
        for candidate in resolve(address) {
            guard let socket = StreamSocket(connectingTo: candidate) else { continue }
            if waitUntilConnected(socket) { return socket }
        }
        return nil
    }

    private func waitUntilConnected(_ socket: borrowing StreamSocket) -> Bool {
        let end = ContinuousClock.now + Self.connectLimit
        while .now < end, mailbox.deadline.map({ $0 > .now }) ?? true {
            switch socket.connectionState {
            case .connected: return true
            case .failed: return false
            case .underway:
                waitForNews(until: end, socket: socket.descriptor, events: POLLOUT)
            }
        }
        return false
    }

    /// Sleeps until the socket is ready, the mailbox has news, or the time or the run's last
    /// deadline is reached.
    private func waitForNews(
        until end: ContinuousClock.Instant?, socket: Int32?, events: Int32
    ) {
        var entries = [pollfd(fd: mailbox.wakeReader, events: Int16(POLLIN), revents: 0)]
        if let socket { entries.append(pollfd(fd: socket, events: Int16(events), revents: 0)) }
        let limits = [end, mailbox.deadline].compactMap { $0 }
        var milliseconds: Int32 = -1
        if let limit = limits.min() {
            let left = (limit - .now) / .milliseconds(1)
            // Rounded up, or the last millisecond would be a busy loop.
            milliseconds = Int32(max(0, min(left.rounded(.up), 3_600_000)))
        }
        _ = poll(&entries, nfds_t(entries.count), milliseconds)
        var drained = [UInt8](repeating: 0, count: 4096)
        if entries[0].revents != 0 { _ = read(mailbox.wakeReader, &drained, drained.count) }
    }
}
