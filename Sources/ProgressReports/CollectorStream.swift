import Dispatch
import Faults
import Glibc
import Synchronization

/// Sends records to a collector over TCP (docs/progress-protocol.md) without ever delaying a step.
///
/// ``receive(_:)`` only appends to a bounded queue; a thread of its own connects, sends, and after
/// trouble connects again with growing pauses. A plain thread with `poll` rather than an event loop:
/// one socket needs no more, it can run beside MPI without a second runtime, and it blocks every
/// signal so that the main thread's stay where they are.
///
/// A frame that was not written whole is sent again on the next connection. There are no
/// acknowledgements: what the kernel had taken when a connection broke may be lost, which the
/// collector sees as a gap in the sequence numbers.
public final class CollectorStream: ProgressSink {
    public let address: CollectorAddress
    private let mailbox: CollectorMailbox
    private let tell: @Sendable (String) -> Void

    /// Where the records are.
    public struct Counts: Sendable, Equatable {
        public var received: Int
        /// Handed to the kernel, whole.
        public var sent: Int
        /// Given up because the queue was full.
        public var dropped: Int
        public var queued: Int

        public init(received: Int = 0, sent: Int = 0, dropped: Int = 0, queued: Int = 0) {
            self.received = received
            self.sent = sent
            self.dropped = dropped
            self.queued = queued
        }
    }

    /// Starts the sending thread.
    ///
    /// - Parameters:
    ///   - address: The collector; it need not be there yet.
    ///   - capacity: Records that may wait, at least 1.
    ///   - tell: Told at the end what did not arrive.
    /// - Throws: ``ProgressError`` if the system has no descriptor or thread left.
    public init(
        address: CollectorAddress, capacity: Int = 4096,
        tell: @escaping @Sendable (String) -> Void = tellOnStandardError
    ) throws(ProgressError) {
        precondition(capacity >= 1, "capacity \(capacity)")
        self.address = address
        self.tell = tell
        mailbox = try CollectorMailbox(capacity: capacity)
        let sender = CollectorSender(address: address, mailbox: mailbox)
        guard startThread({ sender.run() }) else {
            throw ProgressError(
                "no thread can be started for the collector", at: "--collector",
                exitCode: .tryAgain)
        }
    }

    deinit {
        mailbox.finish(by: .now)
    }

    public var counts: Counts { mailbox.counts }

    /// Holds a lock for one append and never waits for the network.
    public func receive(_ record: TimedRecord) {
        mailbox.append(record)
    }

    /// Waits at most `timeoutSeconds` until all is sent and the collector has taken it, and tells
    /// how much did not arrive.
    public func finish(timeoutSeconds: Double) {
        mailbox.finish(by: .now + .seconds(timeoutSeconds))
        mailbox.waitUntilSenderEnds(timeoutSeconds: timeoutSeconds)
        let counts = mailbox.counts
        if counts.sent < counts.received {
            tell(
                "collector \(address): \(counts.received - counts.sent) of \(counts.received) "
                    + "records did not arrive, \(counts.dropped) of them dropped from the full "
                    + "queue; metrics.jsonl has them all")
        }
    }
}

/// What the training thread and the sending thread share.
final class CollectorMailbox: Sendable {
    private let state: Mutex<State>
    private let senderEnded = DispatchSemaphore(value: 0)
    /// Written to wake the sender out of `poll`.
    private let wakeWriter: Int32
    /// Readable when there is news.
    let wakeReader: Int32

    private struct State {
        var queue: RecordQueue
        var counts = CollectorStream.Counts()
        var announcedDrops = 0
        var deadline: ContinuousClock.Instant?
        var lastRecord: TimedRecord?
    }

    init(capacity: Int) throws(ProgressError) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else {
            throw ProgressError(
                "no pipe can be opened (\(String(cString: strerror(errno))))", at: "--collector",
                hint: "Raise the limit of open files (ulimit -n)", exitCode: .tryAgain)
        }
        for end in ends {
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
        (wakeReader, wakeWriter) = (ends[0], ends[1])
        state = Mutex(State(queue: RecordQueue(capacity: capacity)))
    }

    deinit {
        close(wakeReader)
        close(wakeWriter)
    }

    var counts: CollectorStream.Counts {
        state.withLock { state in
            var counts = state.counts
            counts.queued = state.queue.count
            counts.dropped = state.queue.dropped
            return counts
        }
    }

    /// When to give up; nil before ``finish(by:)``.
    var deadline: ContinuousClock.Instant? { state.withLock(\.deadline) }

    func append(_ record: TimedRecord) {
        state.withLock { state in
            state.counts.received += 1
            state.queue.append(record)
            state.lastRecord = record
        }
        wake()
    }

    func finish(by deadline: ContinuousClock.Instant) {
        state.withLock { $0.deadline = $0.deadline ?? deadline }
        wake()
    }

    func waitUntilSenderEnds(timeoutSeconds: Double) {
        _ = senderEnded.wait(timeout: .now() + timeoutSeconds)
        // For a second call.
        senderEnded.signal()
    }

    func tellSenderEnded() {
        senderEnded.signal()
    }

    func countSent() {
        state.withLock { $0.counts.sent += 1 }
    }

    /// The next message, with `counted` false for one that was not received but made here: word of
    /// dropped records, as soon as the queue is no longer under pressure.
    func next(address: CollectorAddress) -> (record: TimedRecord, counted: Bool)? {
        state.withLock { state in
            let news = state.queue.dropped - state.announcedDrops
            let hasRoom = state.queue.count <= state.queue.capacity / 2
            if news > 0, hasRoom || state.deadline != nil, let last = state.lastRecord {
                state.announcedDrops = state.queue.dropped
                return (last.droppedWarning(count: news, address: address), false)
            }
            return state.queue.popFirst().map { ($0, true) }
        }
    }

    private func wake() {
        // A full pipe is as good: the sender will wake anyway.
        var byte: UInt8 = 0
        _ = write(wakeWriter, &byte, 1)
    }
}

extension TimedRecord {
    fileprivate func droppedWarning(count: Int, address: CollectorAddress) -> TimedRecord {
        TimedRecord(
            runID: runID, sequence: 0, unixTimeNanoseconds: ProgressReports.unixTimeNanoseconds(),
            record: .warning(
                .init(
                    step: record.step ?? 0,
                    message: "\(count) progress records were dropped because the collector "
                        + "\(address) did not take them in time")))
    }
}
