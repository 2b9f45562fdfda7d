import Faults
import NIOCore
import ProgressDelivery
import ProgressReports
import Words

/// Takes the frames of one peer: a greeting, then records; docs/progress-protocol.md.
final class CollectorConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let intake: RecordIntake
    private let open: OpenConnections
    private let limits: CollectorServer.Limits
    private let token: AccessToken
    private let notices: ClosingNotices
    private var frames = FrameCutter()
    private var peer = "unknown peer"
    /// Nothing of this peer is read any more.
    private var isClosed = false
    private var hasGreeted = false
    /// Runs while a frame is incomplete; further bytes do not extend it.
    private var deadline: Scheduled<Void>?

    init(
        intake: RecordIntake, open: OpenConnections, limits: CollectorServer.Limits,
        token: AccessToken, notices: ClosingNotices
    ) {
        self.intake = intake
        self.open = open
        self.limits = limits
        self.token = token
        self.notices = notices
    }

    func channelActive(context: ChannelHandlerContext) {
        if let address = context.remoteAddress, let host = address.ipAddress {
            peer =
                CollectorAddress(
                    host: host, port: UInt16(truncatingIfNeeded: address.port ?? 0)
                ).description
        }
        guard open.enter(context.channel) else {
            end(context, because: "there are \(limits.connections) connections already")
            return
        }
        // Who does not greet is a stranger.
        watch(context, isNewFrame: false)
    }

    func channelInactive(context: ChannelHandlerContext) {
        deadline?.cancel()
        open.leave(context.channel, wasWelcomed: hasGreeted)
        if !isClosed && frames.isWithinFrame {
            notices.tell("\(peer): the connection ended within a frame")
        }
        isClosed = true
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isClosed else { return }
        frames.add(unwrapInboundIn(data))
        var sawFrame = false
        while !isClosed, let frame = nextFrame(context) {
            sawFrame = true
            take(frame, context)
        }
        guard !isClosed else { return }
        watch(context, isNewFrame: sawFrame)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is OpenConnections.Eviction {
            end(context, because: "another connection needs its place")
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        end(context, because: plainReason(error, for: .collector))
    }

    /// The next whole frame; closes the connection if there can be none.
    private func nextFrame(_ context: ChannelHandlerContext) -> [UInt8]? {
        switch frames.next() {
        case .frame(let frame): return frame
        case .incomplete: return nil
        case .impossible(let length) where FrameCutter.isTLSGreeting(length):
            end(context, because: "it speaks TLS, for which --tls-certificate is not given")
        case .impossible(let length):
            end(
                context,
                because: "a frame of \(length) bytes (1 to \(ProgressMessage.maximumBytes) are "
                    + "possible): not a progress stream")
        }
        return nil
    }

    private func take(_ frame: [UInt8], _ context: ChannelHandlerContext) {
        do throws(ProgressError) {
            guard hasGreeted else {
                try greet(try ProgressGreeting.Hello(decoding: frame), context)
                return
            }
            let record = try ProgressMessage.decode(frame)
            try Self.check(record)
            let size = frame.count
            intake.take(record, bytes: size, from: peer, on: context.channel) { [weak self] in
                self?.end(context, because: $0)
            }
        } catch {
            end(context, because: error.problem)
        }
    }

    private func greet(
        _ hello: ProgressGreeting.Hello, _ context: ChannelHandlerContext
    ) throws(ProgressError) {
        guard hello.version == ProgressGreeting.version else {
            throw ProgressError(
                "it speaks version \(hello.version) of the protocol, this is version "
                    + "\(ProgressGreeting.version)")
        }
        guard token.isShown(by: hello.token) else {
            throw ProgressError(
                hello.token.isEmpty
                    ? "no token (--collector-token-file), which this collector asks for"
                    : "wrong token")
        }
        hasGreeted = open.welcome(context.channel)
        guard hasGreeted else { throw ProgressError("another connection needs its place") }
        send(.welcome(version: ProgressGreeting.version), context)
    }

    /// The end of the year 2199.
    private static let latestNanoseconds: Int64 = 7_258_118_400_000_000_000

    /// What the store relies on.
    private static func check(_ record: TimedRecord) throws(ProgressError) {
        let largest = UInt64(Int64.max)
        // "." and ".." cannot be asked for: whoever builds an address folds them.
        guard ![".", "..", ""].contains(record.runID), record.runID.utf8.count <= 256,
            (1...largest).contains(record.sequence), (1...largest).contains(record.epoch)
        else { throw ProgressError("a record without a possible run, epoch and sequence") }
        guard (0...latestNanoseconds).contains(record.unixTimeNanoseconds) else {
            throw ProgressError("a record of an impossible time")
        }
        if case .gap(let gap) = record.record {
            guard gap.firstSequence > 0, gap.firstSequence <= record.sequence else {
                throw ProgressError("a gap that ends before it begins")
            }
        }
    }

    /// Lets a half frame wait only so long, however slowly its bytes drip in.
    private func watch(_ context: ChannelHandlerContext, isNewFrame: Bool) {
        let isWaiting = frames.isWithinFrame || !hasGreeted
        if isNewFrame || !isWaiting {
            deadline?.cancel()
            deadline = nil
        }
        guard isWaiting, deadline == nil else { return }
        let seconds = hasGreeted ? limits.frameSeconds : limits.greetingSeconds
        let problem =
            hasGreeted
            ? "half a frame for \(seconds) seconds" : "no greeting for \(seconds) seconds"
        deadline = context.eventLoop.assumeIsolated().scheduleTask(
            in: .nanoseconds(Int64(seconds * 1e9))
        ) { self.end(context, because: problem) }
    }

    private func send(_ reply: ProgressGreeting.Reply, _ context: ChannelHandlerContext) {
        let frame = progressFrame(reply.encoded())
        context.channel.writeAndFlush(
            context.channel.allocator.buffer(bytes: frame), promise: nil)
    }

    private func end(_ context: ChannelHandlerContext, because reason: String) {
        guard !isClosed else { return }
        isClosed = true
        deadline?.cancel()
        frames.removeAll()
        notices.tell("\(peer): closed: \(reason.printable)")
        send(.refusal(String(reason.prefix(500))), context)
        context.close(promise: nil)
    }
}
