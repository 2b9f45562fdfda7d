import NIOCore
import ProgressReports

/// Cuts what the collector sends into replies. Whatever comes behind a refusal, or behind something that is
/// no reply, is not looked at.
final class ReplyHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let session: DeliverySession
    private var buffer = ByteBuffer()
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
        var bytes = unwrapInboundIn(data)
        buffer.writeBuffer(&bytes)
        while !isOver, let reply = nextReply(context) {
            if case .refusal = reply { isOver = true }
            session.received(reply, on: context.channel)
        }
        buffer.discardReadBytes()
    }

    /// `nil` until one is whole, and after something that is none.
    private func nextReply(_ context: ChannelHandlerContext) -> ProgressGreeting.Reply? {
        guard let length = buffer.getInteger(at: buffer.readerIndex, as: UInt32.self) else {
            return nil
        }
        guard length > 0, length <= ProgressMessage.maximumBytes else {
            // An alert of TLS begins so.
            let isTLS = length >> 16 == 0x1503
            end(
                context,
                isTLS ? "it speaks TLS: give --collector-authority" : "what answers is no collector"
            )
            return nil
        }
        guard buffer.readableBytes >= 4 + Int(length) else { return nil }
        buffer.moveReaderIndex(forwardBy: 4)
        guard let frame = buffer.readBytes(length: Int(length)),
            let reply = try? ProgressGreeting.Reply(decoding: frame)
        else {
            end(context, "what answers is no collector")
            return nil
        }
        return reply
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        end(context, plainReason(error))
    }

    private func end(_ context: ChannelHandlerContext, _ reason: String) {
        isOver = true
        session.hasFailed(reason)
        context.close(promise: nil)
    }
}
