import Dispatch
import Faults
import Glibc
import NIOCore
import NIOPosix
public import ProgressReports
import Synchronization

/// Sends records to a collector (docs/progress-protocol.md) without ever delaying a step.
///
/// ``receive(_:)`` only appends to a bounded queue. An event loop of its own writes what it finds there to
/// the spool, sends it, and forgets it when the collector has acknowledged it; after trouble it connects
/// again, with growing pauses, and sends what was not acknowledged once more. What an earlier job left in
/// the spool goes first. The loop's thread takes no signals.
public final class CollectorStream: ProgressSink {
    public let address: CollectorAddress
    private let spoolFolder: String?
    private let mailbox: CollectorMailbox
    private let group: MultiThreadedEventLoopGroup
    private let session: NIOLoopBound<DeliverySession>
    private let tell: @Sendable (String) -> Void

    /// Where the records of this job are.
    public struct Counts: Sendable, Equatable {
        public var received: Int
        /// Durable at the collector.
        public var acknowledged: Int
        /// Given up because the queue was full.
        public var dropped: Int

        public init(received: Int = 0, acknowledged: Int = 0, dropped: Int = 0) {
            self.received = received
            self.acknowledged = acknowledged
            self.dropped = dropped
        }
    }

    /// Bounds of what waits.
    public struct Limits: Sendable {
        /// Records in memory that are not in the spool yet, at least 1.
        public var queuedRecords = 2048
        public var spoolBytes = 16 << 20

        public init() {}
    }

    /// Starts sending.
    ///
    /// - Parameters:
    ///   - address: The collector; it need not be there yet.
    ///   - spoolFolder: Keeps what was not acknowledged; `nil`: memory only.
    ///   - security: Token and certificates.
    ///   - tell: Told once of a refusal, and at the end what did not arrive.
    /// - Throws: ``ProgressError`` if a file of `security` cannot be used.
    public init(
        address: CollectorAddress, spoolFolder: String?,
        security: CollectorSecurity = CollectorSecurity(), limits: Limits = Limits(),
        tell: @escaping @Sendable (String) -> Void = tellOnStandardError
    ) throws(ProgressError) {
        self.address = address
        self.spoolFolder = spoolFolder
        self.tell = tell
        let mailbox = CollectorMailbox(capacity: limits.queuedRecords)
        self.mailbox = mailbox
        let (token, tls) = (try security.token(), try security.clientContext())
        let group = withAllSignalsBlocked { MultiThreadedEventLoopGroup(numberOfThreads: 1) }
        self.group = group
        let loop = group.any()
        let box = try? loop.submit {
            let session = DeliverySession(
                loop: loop, address: address, token: token, tls: tls,
                spool: Spool(folder: spoolFolder, limits: Spool.Limits(bytes: limits.spoolBytes)),
                mailbox: mailbox, tell: tell)
            session.start()
            return NIOLoopBound(session, eventLoop: loop)
        }.wait()
        guard let box else {
            throw ProgressError(
                "no thread can be started for the collector", at: "--collector",
                exitCode: .tryAgain)
        }
        session = box
    }

    deinit {
        group.shutdownGracefully { _ in }
    }

    public var place: String { "collector \(address)" }

    public var counts: Counts { mailbox.counts }

    /// Holds a lock for one append and never waits for the network or a disk. What tells a run's story goes
    /// to the spool at once; for steps nobody is woken.
    public func receive(_ record: TimedRecord) {
        mailbox.append(record)
        if record.record.importance == 2 {
            group.any().execute { [session] in session.value.lookNow() }
        }
    }

    /// A slow disk may take so long for what still waits in memory.
    private static let diskSeconds = 30.0

    /// Waits at most `timeoutSeconds` until the collector has acknowledged everything, and tells
    /// where the rest is.
    public func finish(timeoutSeconds: Double) {
        let ended = DispatchSemaphore(value: 0)
        let deadline = NIODeadline.now() + .nanoseconds(Int64(timeoutSeconds * 1e9))
        group.any().execute { [session] in
            session.value.finish(by: deadline) { ended.signal() }
        }
        _ = ended.wait(timeout: .now() + timeoutSeconds + Self.diskSeconds)
        let counts = mailbox.counts
        // A disk that takes too long may still hold them.
        let isLeft = mailbox.isLeftOnDisk ?? (spoolFolder != nil)
        guard counts.acknowledged < counts.received || isLeft else { return }
        let advice =
            isLeft
            ? "they wait in \(spoolFolder ?? ""): the same command sends them once it is there; "
            : ""
        let number =
            counts.received == 0
            ? "an earlier job's" : "\(counts.received - counts.acknowledged) of \(counts.received)"
        tell(
            "collector \(address): \(number) records did not arrive; \(advice)metrics.jsonl has them all"
        )
    }
}

/// What the reporting threads and the loop share.
final class CollectorMailbox: Sendable {
    private let state: Mutex<State>

    private struct State {
        var queue: RecordQueue
        var counts = CollectorStream.Counts()
        /// The newest record of this job that is at the collector, and of those that are to get there.
        var arrived: SpoolEntry.Place?
        var newest: SpoolEntry.Place?
        var isLeftOnDisk: Bool?
    }

    init(capacity: Int) {
        state = Mutex(State(queue: RecordQueue(capacity: capacity)))
    }

    var counts: CollectorStream.Counts {
        state.withLock { state in
            var counts = state.counts
            counts.dropped = state.queue.dropped
            return counts
        }
    }

    /// Whether the spool's files hold something at the end; `nil` before.
    var isLeftOnDisk: Bool? { state.withLock { $0.isLeftOnDisk } }

    func noteEnd(isLeftOnDisk: Bool) { state.withLock { $0.isLeftOnDisk = isLeftOnDisk } }

    var isEmpty: Bool { state.withLock { $0.queue.count == 0 } }

    func append(_ record: TimedRecord) {
        state.withLock { state in
            state.counts.received += 1
            state.newest = SpoolEntry.Place(
                runID: record.runID, epoch: record.epoch, sequence: record.sequence)
            state.queue.append(record)
        }
    }

    /// The oldest record that waits.
    func takeFirst() -> TimedRecord? { state.withLock { $0.queue.popFirst() } }

    /// Counts those of this job, each once; an earlier job's may be among them.
    func countAcknowledged(_ places: [SpoolEntry.Place]) {
        state.withLock { state in
            for place in places where state.newest?.isOfSameJob(as: place) ?? false {
                guard place.sequence > state.arrived?.sequence ?? 0 else { continue }
                state.arrived = place
                state.counts.acknowledged += 1
            }
        }
    }
}
