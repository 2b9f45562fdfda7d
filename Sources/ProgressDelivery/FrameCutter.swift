public import NIOCore
import ProgressReports

/// Cuts the bytes of a connection into frames: a length of 4 bytes, most significant first, and a message of
/// that length (docs/progress-protocol.md).
///
/// Holds at most what was handed to it since the last whole frame.
public struct FrameCutter {
    /// What stands at the front of the bytes.
    public enum Next: Equatable {
        /// A message, without its length.
        case frame([UInt8])
        /// Part of a frame, or nothing.
        case incomplete
        /// No frame: a length of 0 or over ``ProgressMessage/maximumBytes``. What follows means nothing.
        case impossible(length: UInt32)
    }

    private var buffer = ByteBuffer()

    public init() {}

    /// Whether a frame has begun and is not whole.
    public var isWithinFrame: Bool { buffer.readableBytes > 0 }

    public mutating func add(_ bytes: ByteBuffer) {
        var bytes = bytes
        buffer.discardReadBytes()
        buffer.writeBuffer(&bytes)
    }

    /// Takes the next frame out; what is impossible stays, so it is all that comes from then on.
    public mutating func next() -> Next {
        guard let length = buffer.getInteger(at: buffer.readerIndex, as: UInt32.self) else {
            return .incomplete
        }
        guard length > 0, length <= ProgressMessage.maximumBytes else {
            return .impossible(length: length)
        }
        guard buffer.readableBytes >= 4 + Int(length) else { return .incomplete }
        buffer.moveReaderIndex(forwardBy: 4)
        return buffer.readBytes(length: Int(length)).map { .frame($0) } ?? .incomplete
    }

    public mutating func removeAll() {
        buffer.clear()
    }
}

extension FrameCutter {
    /// Whether an impossible length is how a client of TLS greets (a record of kind 22, version 3.x).
    public static func isTLSGreeting(_ length: UInt32) -> Bool { length >> 16 == 0x1603 }

    /// Whether it is how a server of TLS answers what is no greeting (a record of kind 21).
    public static func isTLSAlert(_ length: UInt32) -> Bool { length >> 16 == 0x1503 }
}
