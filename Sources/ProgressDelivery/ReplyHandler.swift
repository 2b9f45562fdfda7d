import NIOCore
import ProgressReports

/// Cuts what the collector sends into replies. Whatever comes behind a refusal, or behind something that is
/// no reply, is not looked at.
final class ReplyHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let session: DeliverySession
    private var frames = FrameCutter()
    private var isOver = false

    init(session: DeliverySession) {
        self.session = session
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
        guard !isOver else { return }
        frames.add(unwrapInboundIn(data))
        while !isOver, let reply = nextReply(context) {
            if case .refusal = reply { isOver = true }
            session.received(reply, on: context.channel)
        }
    }

    /// `nil` until one is whole, and after something that is none.
    private func nextReply(_ context: ChannelHandlerContext) -> ProgressGreeting.Reply? {
        switch frames.next() {
        case .incomplete: return nil
        case .frame(let frame):
            if let reply = try? ProgressGreeting.Reply(decoding: frame) { return reply }
        case .impossible(let length) where FrameCutter.isTLSAlert(length):
            end(context, "it speaks TLS: give --collector-authority")
            return nil
        case .impossible: break
        }
        end(context, "what answers is no collector")
        return nil
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        end(context, plainReason(error, for: .run))
    }

    private func end(_ context: ChannelHandlerContext, _ reason: String) {
        isOver = true
        session.hasFailed(reason)
        context.close(promise: nil)
    }
}
