import Dispatch
import Glibc
import NIOCore
import NIOPosix
public import ProgressReports
import Synchronization

/// Sends records to a syslog server over TCP: RFC 5424 messages with octet counting (RFC 6587).
///
/// Facility local0; severity error for `failed`, warning for `warning` and `gap`, informational for the
/// rest. MSGID is the kind, the message is the record as JSON; there is no structured data, whose names would
/// have to be registered. While the server is away the newest records wait.
public final class SyslogSink: ProgressSink {
    private let address: CollectorAddress
    private let host: String
    private let group: MultiThreadedEventLoopGroup
    private let failures: FailureCount
    private let state = Mutex(State())

    private struct State {
        var channel: (any Channel)?
        var waiting: [TimedRecord] = []
        var lastWrite: EventLoopFuture<Void>?
        var nextAttempt = ContinuousClock.now
    }

    private static let mostWaiting = 1024
    private static let pause = Duration.seconds(2)

    public init(
        address: CollectorAddress, host: String,
        tell: @escaping @Sendable (String) -> Void = tellOnStandardError
    ) {
        self.address = address
        self.host = host
        group = withAllSignalsBlocked { MultiThreadedEventLoopGroup(numberOfThreads: 1) }
        failures = FailureCount(place: "syslog \(address)", tell: tell)
    }

    public var place: String { failures.place }

    deinit { group.shutdownGracefully { _ in } }

    public func receive(_ record: TimedRecord) {
        state.withLock { state in
            state.waiting.append(record)
            if state.waiting.count > Self.mostWaiting {
                state.waiting.removeFirst()
                failures.count("the server does not take it")
            }
            send(&state)
        }
    }

    public func finish(timeoutSeconds: Double) {
        let deadline = ContinuousClock.now + .seconds(timeoutSeconds)
        state.withLock { state in
            state.nextAttempt = .now
            repeat {
                send(&state)
                if state.waiting.isEmpty { break }
                usleep(20_000)
            } while .now < deadline
            if !state.waiting.isEmpty {
                failures.count("the server does not take it", records: state.waiting.count)
            }
            // What was written is on its way once the last of it is through.
            state.lastWrite?.waitUntilDone(by: deadline)
            try? state.channel?.close().wait()
        }
        failures.tellTotal()
    }

    private func send(_ state: inout State) {
        if state.channel?.isActive != true { state.channel = connect(&state) }
        guard let channel = state.channel else { return }
        while let record = state.waiting.first, channel.isWritable {
            let bytes = Array(message(record).utf8)
            let frame = Array("\(bytes.count) ".utf8) + bytes
            let written = channel.writeAndFlush(channel.allocator.buffer(bytes: frame))
            written.whenFailure { [failures] in failures.count("\($0)") }
            state.lastWrite = written
            state.waiting.removeFirst()
        }
    }

    private func connect(_ state: inout State) -> (any Channel)? {
        guard state.nextAttempt <= .now else { return nil }
        state.nextAttempt = .now + Self.pause
        return try? ClientBootstrap(group: group)
            .connectTimeout(.seconds(1))
            .channelOption(.writeBufferWaterMark, value: .init(low: 64 << 10, high: 256 << 10))
            .connect(host: address.host, port: Int(address.port)).wait()
    }

    func message(_ record: TimedRecord) -> String {
        let severity =
            switch record.record {
            case .failed: 3
            case .warning, .gap: 4
            default: 6
            }
        return "<\(16 * 8 + severity)>1 \(Self.time(record.unixTimeNanoseconds)) "
            + "\(host) lora-worker \(getpid()) \(record.record.kind) - "
            + record.jsonLineWithSender
    }

    /// RFC 3339 with microseconds.
    private static func time(_ nanoseconds: Int64) -> String {
        var seconds = time_t(nanoseconds / 1_000_000_000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        var text = [CChar](repeating: 0, count: 32)
        strftime(&text, text.count, "%Y-%m-%dT%H:%M:%S", &parts)
        let microseconds = String(nanoseconds % 1_000_000_000 / 1000)
        let padding = String(repeating: "0", count: 6 - microseconds.count)
        let date = String(
            decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return "\(date).\(padding)\(microseconds)Z"
    }
}

extension EventLoopFuture<Void> {
    /// - Precondition: Not called on an event loop.
    fileprivate func waitUntilDone(by deadline: ContinuousClock.Instant) {
        let done = DispatchSemaphore(value: 0)
        whenComplete { _ in done.signal() }
        let seconds = max(0, (deadline - .now) / .seconds(1))
        _ = done.wait(timeout: .now() + seconds)
    }
}
