import NIOCore

/// Bounds what one reader of the page costs: idle ones go when others come, and so does who asks and does
/// not read the answer.
final class PageConnection: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny

    private let open: OpenConnections
    private var deadline: Scheduled<Void>?

    /// To take what was written.
    private static let patience = TimeAmount.seconds(30)

    init(open: OpenConnections) {
        self.open = open
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        guard open.enter(channel) else {
            context.close(promise: nil)
            return
        }
        channel.closeFuture.whenComplete { [open] _ in open.leave(channel, wasWelcomed: false) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        open.touch(context.channel)
        context.fireChannelRead(data)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        deadline?.cancel()
        deadline = nil
        if !context.channel.isWritable {
            deadline = context.eventLoop.assumeIsolated().scheduleTask(in: Self.patience) {
                context.close(promise: nil)
            }
        }
        context.fireChannelWritabilityChanged()
    }

    func channelInactive(context: ChannelHandlerContext) {
        deadline?.cancel()
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is OpenConnections.Eviction {
            context.close(promise: nil)
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }
}
