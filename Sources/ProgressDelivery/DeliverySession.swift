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
    private let token: String
    private let tls: TLSContext?
    private let spool: Spool
    private let mailbox: CollectorMailbox
    private let tell: @Sendable (String) -> Void
    private var complaints: Complaints

    /// A person was told that reports wait, and not yet that they go on.
    private var isInTrouble = false
    private var isConnecting = false
    private var channel: (any Channel)?
    private var isWelcome = false
    /// Taken from the mailbox, but the spool had no room.
    private var leftOver: SpoolEntry?
    private var pauseSeconds = DeliverySession.shortestPauseSeconds
    private var lastProgress = NIODeadline.now()
    private var ending: (deadline: NIODeadline, done: @Sendable () -> Void)?
    private var hasEnded = false
    private var toldSpool = false

    private static let shortestPauseSeconds = 0.1
    private static let longestPauseSeconds = 5.0
    /// A collector that acknowledges nothing for so long is taken for dead.
    private static let silence = TimeAmount.seconds(30)
    /// Records under way; a collector acknowledges by the batch.
    private static let window = 1024

    init(
        loop: any EventLoop, address: CollectorAddress, token: String, tls: TLSContext?,
        spool: Spool, mailbox: CollectorMailbox,
        tell: @escaping @Sendable (String) -> Void
    ) {
        self.loop = loop
        self.address = address
        self.token = token
        self.tls = tls
        self.spool = spool
        self.mailbox = mailbox
        self.tell = tell
        complaints = Complaints(tell: tell)
    }

    /// Looks into the mailbox so often: who reports wakes nobody (see ``BackgroundSink``).
    private static let pause = TimeAmount.milliseconds(50)

    func start() {
        connect()
        lookLater()
    }

    // MARK: Records

    private func lookLater() {
        loop.assumeIsolated().scheduleTask(in: Self.pause) {
            guard !self.hasEnded else { return }
            self.lookNow()
            self.lookLater()
        }
    }

    /// Takes in and sends what is in the mailbox.
    func lookNow() {
        guard leftOver != nil || !mailbox.isEmpty else { return }
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
        spool.synchronize()
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
            for gap in item.gaps { write(ProgressMessage.encode(Self.record(gap)), to: channel) }
            write(item.entry.message, to: channel)
        }
        if hasWritten {
            channel.flush()
            if wasIdle { lastProgress = .now() }
        }
        endIfDone()
    }

    private static func record(_ gap: Spool.Gap) -> TimedRecord {
        TimedRecord(
            runID: gap.last.runID, epoch: gap.last.epoch, sequence: gap.last.sequence,
            unixTimeNanoseconds: unixTimeNanoseconds(),
            record: .gap(.init(firstSequence: gap.first)))
    }

    private func write(_ message: [UInt8], to channel: any Channel) {
        channel.write(channel.allocator.buffer(bytes: progressFrame(message)), promise: nil)
    }

    // MARK: The connection

    private func connect() {
        guard !hasEnded, !isConnecting, channel == nil else { return }
        isConnecting = true
        let session = NIOLoopBound(self, eventLoop: loop)
        let (tls, host) = (tls, address.host)
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
                        ReplyHandler(session: session.value))
                }
            }
            .connect(host: host, port: Int(address.port))
            .assumeIsolated()
            .whenComplete { result in
                self.isConnecting = false
                if case .failure(let error) = result {
                    self.hasFailed(plainReason(error, for: .run))
                    self.tryAgain()
                }
            }
    }

    /// The connection stands; what is written now waits for TLS where that was asked for.
    func isConnected(_ channel: any Channel) {
        self.channel = channel
        lastProgress = .now()
        write(ProgressGreeting.Hello(token: token).encoded(), to: channel)
        channel.flush()
        watch(channel)
    }

    /// Why there is no connection, or the end of one.
    func hasFailed(_ reason: String) {
        isInTrouble = true
        complaints.complain(
            "collector \(address) does not take reports (\(reason)); they wait, training does not"
        )
    }

    func received(_ reply: ProgressGreeting.Reply, on channel: any Channel) {
        guard self.channel === channel else { return }
        switch reply {
        case .welcome:
            guard !isWelcome else { return }
            isWelcome = true
            lastProgress = .now()
            takeIn()
            send()
        case .acknowledgement(let runID, let epoch, let sequence):
            let arrived = spool.acknowledge(
                SpoolEntry.Place(runID: runID, epoch: epoch, sequence: sequence))
            // Who acknowledges nothing that was sent gets no credit for it.
            guard !arrived.isEmpty else { return }
            lastProgress = .now()
            pauseSeconds = Self.shortestPauseSeconds
            if isInTrouble { complaints.retract("collector \(address) takes reports again") }
            isInTrouble = false
            mailbox.countAcknowledged(arrived)
            takeIn()
            send()
        case .refusal(let reason):
            // A secret that does not match will not match in a tenth of a second either.
            pauseSeconds = Self.longestPauseSeconds
            isInTrouble = true
            complaints.complain("collector \(address) refuses the reports: \(reason)")
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
                self.hasFailed("it acknowledges nothing")
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
        takeIn()
        send()
        endIfDone()
        loop.assumeIsolated().scheduleTask(deadline: deadline) { self.end() }
    }

    private func connectSoon() {
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
        mailbox.noteEnd(isLeftOnDisk: spool.isLeftOnDisk)
        channel?.close(promise: nil)
        ending.done()
    }
}
