import CProgressProtocol
import CProtobufC
import Glibc

/// The frames around the records (docs/progress-protocol.md): a sender's hello and a collector's replies.
public enum ProgressGreeting {
    /// What this program speaks.
    public static let version = 1

    /// The sender's first frame, without its length.
    public struct Hello: Sendable, Equatable {
        public var version: Int
        /// The shared secret; empty for none.
        public var token: String

        public init(version: Int = ProgressGreeting.version, token: String) {
            self.version = version
            self.token = token
        }

        public func encoded() -> [UInt8] {
            withCText(token) { token in
                var message = Lora__Progress__Hello()
                lora__progress__hello__init(&message)
                message.version = UInt32(version)
                message.token = self.token.isEmpty ? nil : token
                return packed(
                    lora__progress__hello__get_packed_size(&message),
                    { lora__progress__hello__pack(&message, $0) })
            }
        }

        /// - Throws: ``ProgressError`` if the bytes are something else.
        public init(decoding bytes: [UInt8]) throws(ProgressError) {
            guard let message = lora__progress__hello__unpack(nil, bytes.count, bytes) else {
                throw ProgressError("the first frame is no greeting: not a progress stream")
            }
            defer { lora__progress__hello__free_unpacked(message, nil) }
            version = Int(message.pointee.version)
            token = try readText(message.pointee.token)
        }
    }

    /// A frame from the collector.
    public enum Reply: Sendable, Equatable {
        case welcome(version: Int)
        /// All that came on this connection of this run and epoch, up to this sequence, is durable.
        case acknowledgement(runID: String, epoch: UInt64, sequence: UInt64)
        /// Why the collector closes the connection.
        case refusal(String)

        public func encoded() -> [UInt8] {
            var reply = Lora__Progress__Reply()
            lora__progress__reply__init(&reply)
            func pack() -> [UInt8] {
                packed(
                    lora__progress__reply__get_packed_size(&reply),
                    { lora__progress__reply__pack(&reply, $0) })
            }
            switch self {
            case .welcome(let version):
                var message = Lora__Progress__Welcome()
                lora__progress__welcome__init(&message)
                message.version = UInt32(version)
                return withUnsafeMutablePointer(to: &message) {
                    reply.welcome = $0
                    return pack()
                }
            case .acknowledgement(let runID, let epoch, let sequence):
                var message = Lora__Progress__Acknowledgement()
                lora__progress__acknowledgement__init(&message)
                message.epoch = epoch
                message.sequence = sequence
                return withCText(runID) { runID in
                    message.run_id = runID
                    return withUnsafeMutablePointer(to: &message) {
                        reply.acknowledgement = $0
                        return pack()
                    }
                }
            case .refusal(let reason):
                var message = Lora__Progress__Refusal()
                lora__progress__refusal__init(&message)
                return withCText(reason) { reason in
                    message.reason = reason
                    return withUnsafeMutablePointer(to: &message) {
                        reply.refusal = $0
                        return pack()
                    }
                }
            }
        }

        /// - Throws: ``ProgressError`` if the bytes are something else.
        public init(decoding bytes: [UInt8]) throws(ProgressError) {
            guard let message = lora__progress__reply__unpack(nil, bytes.count, bytes) else {
                throw ProgressError("what answers is no collector")
            }
            defer { lora__progress__reply__free_unpacked(message, nil) }
            let reply = message.pointee
            switch (reply.welcome, reply.acknowledgement, reply.refusal) {
            case (let welcome?, nil, nil): self = .welcome(version: Int(welcome.pointee.version))
            case (nil, let acknowledgement?, nil):
                self = .acknowledgement(
                    runID: try readText(acknowledgement.pointee.run_id),
                    epoch: acknowledgement.pointee.epoch,
                    sequence: acknowledgement.pointee.sequence)
            case (nil, nil, let refusal?): self = .refusal(try readText(refusal.pointee.reason))
            default: throw ProgressError("a reply that says not exactly one thing")
            }
        }
    }
}

/// A message with its length before it: 4 bytes, most significant first.
public func progressFrame(_ message: [UInt8]) -> [UInt8] {
    withUnsafeBytes(of: UInt32(message.count).bigEndian) { Array($0) } + message
}

private func packed(_ size: Int, _ pack: (UnsafeMutablePointer<UInt8>?) -> Int) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
        count = pack(buffer.baseAddress)
    }
}

/// `text` for C while `body` runs; it ends at a zero character.
private func withCText<Result>(
    _ text: String, _ body: (UnsafeMutablePointer<CChar>?) -> Result
) -> Result {
    var bytes = Array(text.utf8CString)
    return bytes.withUnsafeMutableBufferPointer { body($0.baseAddress) }
}
