import Faults
import NIOCore
import NIOPosix
import NIOSSL
import ProgressReports

/// What happens on a stream's event loop: spool, connect, greet, send, forget what is acknowledged.
///
/// Not `Sendable`: its loop owns it.
final class DeliverySession {
    private let loop: any EventLoop
    private let address: CollectorAddress
    private let runID: String
    private let token: String
    private let tls: TLSContext?
    private let spool: Spool
    private let mailbox: CollectorMailbox
    private let tell: @Sendable (String) -> Void

    private var channel: (any Channel)?
    private var isWelcome = false
    /// Taken from the mailbox, but the spool had no room.
    private var leftOver: SpoolEntry?
    private var pauseSeconds = DeliverySession.shortestPauseSeconds
    private var lastProgress = NIODeadline.now()
    private var ending: (deadline: NIODeadline, done: @Sendable () -> Void)?
    private var hasEnded = false
    private var toldRefusal = ""
    private var toldSpool = false

    private static let shortestPauseSeconds = 0.1
    private static let longestPauseSeconds = 5.0
    /// A collector that acknowledges nothing for so long is taken for dead.
    private static let silence = TimeAmount.seconds(30)
    /// Records under way; a collector acknowledges by the batch.
    private static let window = 1024

    init(
        loop: any EventLoop, address: CollectorAddress, runID: String, token: String,
        tls: TLSContext?, spool: Spool, mailbox: CollectorMailbox,
        tell: @escaping @Sendable (String) -> Void
    ) {
        self.loop = loop
        self.address = address
        self.runID = runID
        self.token = token
        self.tls = tls
        self.spool = spool
        self.mailbox = mailbox
        self.tell = tell
    }

    func start() {
        connect()
    }

    // MARK: Records

    /// The mailbox has records.
    func haveNews() {
        mailbox.beginLooking()
        takeIn()
        send()
    }

    private func takeIn() {
        while let entry = leftOver ?? mailbox.takeFirst().map(SpoolEntry.init) {
            leftOver = nil
            guard spool.append(entry) else {
                leftOver = entry
                break
            }
        }
        guard spool.troubles > 0, !toldSpool else { return }
        toldSpool = true
        tell(
            "collector \(address): records that wait for it cannot be kept on disk; while it is "
                + "away, few are kept")
    }

    private func send() {
        guard isWelcome, let channel else { return }
        let wasIdle = spool.inFlightCount == 0
        var hasWritten = false
        while channel.isWritable, spool.inFlightCount < Self.window, let item = spool.next() {
            hasWritten = true
            if !item.previous.isFollowed(by: item.entry.place), let gap = gap(before: item) {
                write(ProgressMessage.encode(gap), to: channel)
            }
            write(item.entry.message, to: channel)
        }
        if hasWritten {
            channel.flush()
            if wasIdle { lastProgress = .now() }
        }
        endIfDone()
    }

    /// Tells of the records between the item and the one before it.
    private func gap(before item: Spool.Item) -> TimedRecord? {
        let place = item.entry.place
        let last = item.previous.epoch == place.epoch ? item.previous.sequence : 0
        guard place.sequence > last + 1 else { return nil }
        return TimedRecord(
            runID: runID, epoch: place.epoch, sequence: place.sequence - 1,
            unixTimeNanoseconds: unixTimeNanoseconds(),
            record: .gap(.init(firstSequence: last + 1)))
    }

    private func write(_ message: [UInt8], to channel: any Channel) {
        channel.write(channel.allocator.buffer(bytes: progressFrame(message)), promise: nil)
    }

    // MARK: The connection

    private func connect() {
        guard !hasEnded else { return }
        let session = NIOLoopBound(self, eventLoop: loop)
        let (tls, host, limit) = (tls, address.host, ProgressMessage.maximumBytes)
        ClientBootstrap(group: loop)
            .connectTimeout(.seconds(5))
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.writeBufferWaterMark, value: .init(low: 64 << 10, high: 256 << 10))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        // An address is no name that a certificate's host name could match by SNI.
                        let isAddress = (try? SocketAddress(ipAddress: host, port: 0)) != nil
                        try channel.pipeline.syncOperations.addHandler(
                            NIOSSLClientHandler(
                                context: tls.context, serverHostname: isAddress ? nil : host))
                    }
                    try channel.pipeline.syncOperations.addHandler(
                        ReplyHandler(session: session.value, maximumBytes: limit))
                }
            }
            .connect(host: host, port: Int(address.port))
            .assumeIsolated()
            .whenComplete { result in
                if case .failure = result { self.tryAgain() }
            }
    }

    /// The connection stands, TLS included where it was asked for.
    func isConnected(_ channel: any Channel) {
        self.channel = channel
        lastProgress = .now()
        write(ProgressGreeting.Hello(token: token).encoded(), to: channel)
        channel.flush()
        watch(channel)
    }

    func received(_ reply: ProgressGreeting.Reply, on channel: any Channel) {
        lastProgress = .now()
        switch reply {
        case .welcome:
            isWelcome = true
            pauseSeconds = Self.shortestPauseSeconds
            takeIn()
            send()
        case .acknowledgement(let runID, let epoch, let sequence):
            guard runID == self.runID else { return }
            let count = spool.acknowledge(
                SpoolEntry.Place(epoch: epoch, sequence: sequence))
            mailbox.countAcknowledged(count)
            takeIn()
            send()
        case .refusal(let reason):
            // A secret that does not match will not match in a tenth of a second either.
            pauseSeconds = Self.longestPauseSeconds
            if toldRefusal != reason {
                tell("collector \(address) refuses the reports: \(reason.printable)")
            }
            toldRefusal = reason
            channel.close(promise: nil)
        }
    }

    func canWrite() { send() }

    /// Closes a connection on which records wait and nothing is heard.
    private func watch(_ channel: any Channel) {
        loop.assumeIsolated().scheduleTask(in: .seconds(1)) {
            guard self.channel === channel else { return }
            let waits = self.spool.inFlightCount > 0 || !self.isWelcome
            if waits, .now() - self.lastProgress > Self.silence {
                channel.close(promise: nil)
            } else {
                self.watch(channel)
            }
        }
    }

    func isDisconnected(_ channel: any Channel) {
        guard self.channel === channel else { return }
        self.channel = nil
        isWelcome = false
        spool.rewind()
        if !hasEnded { tryAgain() }
    }

    /// Waits before the next attempt: up to twice as long each time, at random so that the jobs of a
    /// cluster do not all come back in the same instant.
    private func tryAgain() {
        let pause = pauseSeconds * Double.random(in: 0.5...1)
        pauseSeconds = min(pauseSeconds * 2, Self.longestPauseSeconds)
        loop.assumeIsolated().scheduleTask(in: .nanoseconds(Int64(pause * 1e9))) {
            if self.channel == nil { self.connect() }
        }
    }

    // MARK: The end

    /// Calls `done` when all is acknowledged, or at the deadline.
    func finish(by deadline: NIODeadline, done: @escaping @Sendable () -> Void) {
        ending = (deadline, done)
        // The end of a run does not wait for a long pause that began before it.
        if channel == nil { connectSoon() }
        haveNews()
        endIfDone()
        loop.assumeIsolated().scheduleTask(deadline: deadline) { self.end() }
    }

    private func connectSoon() {
        guard !hasEnded, channel == nil else { return }
        pauseSeconds = Self.shortestPauseSeconds
        connect()
    }

    private func endIfDone() {
        if ending != nil, spool.isEmpty, leftOver == nil, mailbox.isEmpty { end() }
    }

    private func end() {
        guard let ending, !hasEnded else { return }
        hasEnded = true
        takeIn()
        spool.close()
        channel?.close(promise: nil)
        ending.done()
    }
}

/// Cuts what the collector sends into replies.
final class ReplyHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let session: DeliverySession
    private let maximumBytes: Int
    private var buffer = ByteBuffer()

    init(session: DeliverySession, maximumBytes: Int) {
        self.session = session
        self.maximumBytes = maximumBytes
    }

    func channelActive(context: ChannelHandlerContext) {
        session.isConnected(context.channel)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        session.isDisconnected(context.channel)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { session.canWrite() }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        buffer.writeBuffer(&bytes)
        while let length = buffer.getInteger(at: buffer.readerIndex, as: UInt32.self) {
            guard length > 0, length <= maximumBytes else {
                context.close(promise: nil)
                return
            }
            guard buffer.readableBytes >= 4 + Int(length) else { break }
            buffer.moveReaderIndex(forwardBy: 4)
            guard let frame = buffer.readBytes(length: Int(length)),
                let reply = try? ProgressGreeting.Reply(decoding: frame)
            else {
                context.close(promise: nil)
                return
            }
            session.received(reply, on: context.channel)
        }
        buffer.discardReadBytes()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
