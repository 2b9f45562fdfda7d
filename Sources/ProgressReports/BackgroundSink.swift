import Faults
import Foundation

/// Hands records to another sink on a thread of its own, so that no disk, terminal or network delays
/// whoever reports.
///
/// The thread looks for records by itself, some twenty times a second. Were it woken by each, the system
/// would often run it at once in the place of the one that reports, in the middle of a hand-over.
public final class BackgroundSink: ProgressSink {
    private let sink: any ProgressSink
    private let mailbox: Mailbox
    private let leastFinishSeconds: Double
    private let tell: @Sendable (String) -> Void

    /// - Parameters:
    ///   - sink: Its ``ProgressSink/receive(_:)`` is called by one thread, in order.
    ///   - capacity: Records that may wait; past it the least important go (``RecordQueue``).
    ///   - leastFinishSeconds: What ``finish(timeoutSeconds:)`` grants at least.
    ///   - tell: Told if records are left when time is up.
    /// - Throws: ``ProgressError`` if no thread can be started.
    public init(
        _ sink: any ProgressSink, capacity: Int, leastFinishSeconds: Double = 0,
        tell: @escaping @Sendable (String) -> Void = tellOnStandardError
    ) throws(ProgressError) {
        self.tell = tell
        self.sink = sink
        self.leastFinishSeconds = leastFinishSeconds
        let mailbox = Mailbox(capacity: capacity)
        self.mailbox = mailbox
        let isStarted = startThread {
            while let records = mailbox.next() { sink.receive(contentsOf: records) }
            mailbox.end()
        }
        guard isStarted else {
            throw ProgressError(
                "no thread can be started for progress reports",
                hint: "Raise the limit of processes (ulimit -u)", exitCode: .tryAgain)
        }
    }

    public var place: String { sink.place }

    deinit { mailbox.close() }

    /// One append under a lock that is never held for longer.
    public func receive(_ record: TimedRecord) { mailbox.append(record) }

    /// Waits until the sink has taken all that was received before.
    public func flush() { mailbox.waitUntilTaken() }

    /// Gives the sink the rest and then its end, as far as the time allows.
    public func finish(timeoutSeconds: Double) {
        let deadline = Date(timeIntervalSinceNow: max(timeoutSeconds, leastFinishSeconds))
        mailbox.close()
        guard mailbox.waitUntilEnded(by: deadline) else {
            tell("\(sink.place) does not take the last \(mailbox.leftCount) records in time")
            return
        }
        let dropped = mailbox.droppedCount
        if dropped > 0 { tell("\(sink.place) was too slow for \(dropped) records") }
        sink.finish(timeoutSeconds: max(0, deadline.timeIntervalSinceNow))
    }

    /// What the reporting threads and the sink's thread share.
    ///
    /// `@unchecked Sendable`: all of its state is touched under its condition only.
    private final class Mailbox: @unchecked Sendable {
        private let condition = NSCondition()
        private var queue: RecordQueue
        /// Records that the sink is taking.
        private var takenCount = 0
        private var isClosed = false
        private var hasEnded = false

        init(capacity: Int) {
            queue = RecordQueue(capacity: capacity)
        }

        private func locked<Result>(_ body: () -> Result) -> Result {
            condition.lock()
            defer { condition.unlock() }
            return body()
        }

        func append(_ record: TimedRecord) {
            locked { queue.append(record) }
        }

        private static let pauseSeconds = 0.05

        /// All that waits; `nil` once there will be nothing.
        func next() -> [TimedRecord]? {
            guard var taken = takeQueue() else { return nil }
            // In its order, without anybody waiting for the lock meanwhile.
            var records: [TimedRecord] = []
            while let record = taken.popFirst() { records.append(record) }
            return records
        }

        private func takeQueue() -> RecordQueue? {
            locked {
                takenCount = 0
                condition.broadcast()
                while queue.count == 0 {
                    if isClosed { return nil }
                    _ = condition.wait(until: Date(timeIntervalSinceNow: Self.pauseSeconds))
                }
                takenCount = queue.count
                return queue.takeAll()
            }
        }

        func close() {
            locked { isClosed = true }
            condition.broadcast()
        }

        func end() {
            locked { hasEnded = true }
            condition.broadcast()
        }

        /// Records that had to make room for others.
        var droppedCount: Int { locked { queue.dropped } }

        /// Records that were not given to the sink, and those that it has and does not give back.
        var leftCount: Int { locked { queue.count + takenCount } }

        func waitUntilTaken() {
            locked {
                condition.broadcast()
                while !hasEnded, takenCount > 0 || queue.count > 0 { condition.wait() }
            }
        }

        func waitUntilEnded(by deadline: Date) -> Bool {
            locked {
                while !hasEnded, condition.wait(until: deadline) {}
                return hasEnded
            }
        }
    }
}
