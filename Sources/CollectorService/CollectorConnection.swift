import Faults
import NIOCore
import ProgressReports

/// Takes the frames of one peer: a length (4 bytes, most significant first) and an `Envelope`.
final class CollectorConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let store: RecordStore
    private let open: OpenConnections
    private let frameSeconds: Double
    private let tell: @Sendable (String) -> Void
    private var buffer = ByteBuffer()
    private var peer = "unknown peer"
    /// Nothing of this peer is read any more.
    private var isClosed = false
    private var isCounted = false
    /// Runs while a frame is incomplete; further bytes do not extend it.
    private var deadline: Scheduled<Void>?

    init(
        store: RecordStore, open: OpenConnections, frameSeconds: Double,
        tell: @escaping @Sendable (String) -> Void
    ) {
        self.store = store
        self.open = open
        self.frameSeconds = frameSeconds
        self.tell = tell
    }

    func channelActive(context: ChannelHandlerContext) {
        if let address = context.remoteAddress, let host = address.ipAddress {
            peer =
                CollectorAddress(
                    host: host, port: UInt16(truncatingIfNeeded: address.port ?? 0)
                ).description
        }
        isCounted = open.enter()
        if !isCounted { end(context, because: "there are \(open.limit) connections already") }
    }

    func channelInactive(context: ChannelHandlerContext) {
        deadline?.cancel()
        if isCounted { open.leave() }
        if !isClosed && buffer.readableBytes > 0 {
            tell("\(peer): the connection ended within a frame")
        }
        isClosed = true
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isClosed else { return }
        var bytes = unwrapInboundIn(data)
        buffer.writeBuffer(&bytes)
        var sawFrame = false
        while !isClosed, let frame = nextFrame(context) {
            sawFrame = true
            take(frame, context)
        }
        guard !isClosed else { return }
        buffer.discardReadBytes()
        watch(context, isNewFrame: sawFrame)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        end(context, because: "\(error)")
    }

    /// The next whole frame, without its length; closes the connection if the length is absurd.
    private func nextFrame(_ context: ChannelHandlerContext) -> [UInt8]? {
        guard let length = buffer.getInteger(at: buffer.readerIndex, as: UInt32.self) else {
            return nil
        }
        guard length > 0, length <= ProgressMessage.maximumBytes else {
            end(
                context,
                because: "a frame of \(length) bytes (1 to \(ProgressMessage.maximumBytes) are "
                    + "possible): not a progress stream")
            return nil
        }
        guard buffer.readableBytes >= 4 + Int(length) else { return nil }
        buffer.moveReaderIndex(forwardBy: 4)
        return buffer.readBytes(length: Int(length))
    }

    private func take(_ frame: [UInt8], _ context: ChannelHandlerContext) {
        do throws(ProgressError) {
            let record = try ProgressMessage.decode(frame)
            tell("[\(record.runID.prefix(8).description.printable) \(peer)] \(record.sentence)")
            store.append(record)
        } catch {
            end(context, because: "\(error)")
        }
    }

    /// Lets a half frame wait only so long, however slowly its bytes drip in.
    private func watch(_ context: ChannelHandlerContext, isNewFrame: Bool) {
        if isNewFrame || buffer.readableBytes == 0 {
            deadline?.cancel()
            deadline = nil
        }
        guard buffer.readableBytes > 0, deadline == nil else { return }
        let limit = TimeAmount.nanoseconds(Int64(frameSeconds * 1e9))
        deadline = context.eventLoop.assumeIsolated().scheduleTask(in: limit) {
            self.end(context, because: "half a frame for \(self.frameSeconds) seconds")
        }
    }

    private func end(_ context: ChannelHandlerContext, because reason: String) {
        guard !isClosed else { return }
        isClosed = true
        deadline?.cancel()
        buffer.clear()
        tell("\(peer): closed: \(reason.printable)")
        context.close(promise: nil)
    }
}
