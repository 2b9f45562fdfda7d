import CProgressProtocol
import CProtobufC
import Glibc

/// The protobuf form of a ``TimedRecord`` (`proto/progress.proto`).
public enum ProgressMessage {
    /// No larger message is made or read.
    public static let maximumBytes = 64 << 10
    /// Of a list of texts that is read.
    static let mostItems = 16_384

    /// Packs a record; texts that would make it larger than ``maximumBytes`` are cut, and say so.
    public static func encode(_ record: TimedRecord) -> [UInt8] {
        let bytes = pack(record)
        return bytes.count <= maximumBytes ? bytes : pack(record.withShortTexts)
    }

    private static func pack(_ record: TimedRecord) -> [UInt8] {
        let message = OwnedEnvelope(record)
        return withExtendedLifetime(message) {
            let size = lora__progress__envelope__get_packed_size(message.pointer)
            return [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
                count = lora__progress__envelope__pack(message.pointer, buffer.baseAddress)
            }
        }
    }

    /// Unpacks bytes that anybody may have sent.
    ///
    /// - Parameter bytes: One message without its length.
    /// - Returns: The record; unknown fields are ignored, as a newer sender may have added them.
    /// - Throws: ``ProgressError`` if it is larger than ``maximumBytes``, not an `Envelope`, holds not
    ///   exactly one record, or holds text that is not UTF-8. At most a few MiB are allocated.
    public static func decode(_ bytes: [UInt8]) throws(ProgressError) -> TimedRecord {
        guard bytes.count <= maximumBytes else {
            throw ProgressError("a message of \(bytes.count) bytes is over \(maximumBytes)")
        }
        guard let pointer = lora__progress__envelope__unpack(nil, bytes.count, bytes) else {
            throw ProgressError("not a progress message")
        }
        return try OwnedEnvelope(owning: pointer).record()
    }
}

extension TimedRecord {
    /// The same record with every text short enough for one frame.
    fileprivate var withShortTexts: TimedRecord {
        var result = self
        result.runID = runID.shortened(to: 256)
        switch record {
        case .runStarted(var value):
            value.runID = value.runID.shortened(to: 256)
            value.configuration = value.configuration.shortened(to: 16_000)
            value.hosts = value.hosts.shortened()
            value.kernelID = value.kernelID.shortened(to: 256)
            value.name = value.name.shortened(to: 256)
            result.record = .runStarted(value)
        case .checkpoint(var value):
            value.path = value.path.shortened(to: 4096)
            value.manifestSHA256 = value.manifestSHA256.shortened(to: 256)
            result.record = .checkpoint(value)
        case .resumed(var value):
            value.path = value.path.shortened(to: 4096)
            value.changes = value.changes.shortened()
            result.record = .resumed(value)
        case .warning(var value):
            value.message = value.message.shortened(to: 16_000)
            result.record = .warning(value)
        case .finished(var value):
            value.adapterPath = value.adapterPath.shortened(to: 4096)
            value.adapterSHA256 = value.adapterSHA256.shortened(to: 256)
            result.record = .finished(value)
        case .failed(var value):
            value.message = value.message.shortened(to: 16_000)
            result.record = .failed(value)
        case .step(var value):
            value.details.rankComputeSeconds = []
            value.details.rankPeakMemoryBytes = []
            result.record = .step(value)
        case .evaluation, .gap: break
        }
        return result
    }
}

extension String {
    /// At most about `limit` bytes; a cut is visible.
    fileprivate func shortened(to limit: Int) -> String {
        guard utf8.count > limit else { return self }
        let end = utf8.index(startIndex, offsetBy: limit)
        // A cut inside a character leaves a replacement character, never invalid UTF-8.
        return String(decoding: utf8[..<end], as: UTF8.self) + " … (cut)"
    }
}

extension [String] {
    /// At most 128 items of 128 bytes.
    fileprivate func shortened() -> [String] {
        let kept = prefix(128).map { $0.shortened(to: 128) }
        return count > 128 ? kept + ["… and \(count - 128) more"] : kept
    }
}
