import Faults
import Foundation

/// Hands records to another sink on a thread of its own, so that no disk, terminal or network delays
/// whoever reports.
public final class BackgroundSink: ProgressSink {
    private let sink: any ProgressSink
    private let mailbox: Mailbox
    private let leastFinishSeconds: Double

    /// - Parameters:
    ///   - sink: Its ``ProgressSink/receive(_:)`` is called by one thread, in order.
    ///   - capacity: Records that may wait; past it the least important go (``RecordQueue``).
    ///   - leastFinishSeconds: What ``finish(timeoutSeconds:)`` grants at least.
    /// - Throws: ``ProgressError`` if no thread can be started.
    public init(
        _ sink: any ProgressSink, capacity: Int, leastFinishSeconds: Double = 0
    ) throws(ProgressError) {
        self.sink = sink
        self.leastFinishSeconds = leastFinishSeconds
        let mailbox = Mailbox(capacity: capacity)
        self.mailbox = mailbox
        let isStarted = startThread {
            while let record = mailbox.next() { sink.receive(record) }
            mailbox.end()
        }
        guard isStarted else {
            throw ProgressError(
                "no thread can be started for progress reports",
                hint: "Raise the limit of processes (ulimit -u)", exitCode: .tryAgain)
        }
    }

    deinit { mailbox.close() }

    /// One append under a lock that is never held for longer.
    public func receive(_ record: TimedRecord) { mailbox.append(record) }

    /// Waits until the sink has taken all that was received before.
    public func flush() { mailbox.waitUntilTaken() }

    /// Gives the sink the rest and then its end, as far as the time allows.
    public func finish(timeoutSeconds: Double) {
        let deadline = Date(timeIntervalSinceNow: max(timeoutSeconds, leastFinishSeconds))
        mailbox.close()
        if mailbox.waitUntilEnded(by: deadline) {
            sink.finish(timeoutSeconds: max(0, deadline.timeIntervalSinceNow))
        }
    }

    /// What the reporting threads and the sink's thread share.
    ///
    /// `@unchecked Sendable`: all of its state is touched under its condition only.
    private final class Mailbox: @unchecked Sendable {
        private let condition = NSCondition()
        private var queue: RecordQueue
        private var isTaking = false
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
            condition.broadcast()
        }

        /// The next record; `nil` once there will be none.
        func next() -> TimedRecord? {
            locked {
                isTaking = false
                condition.broadcast()
                while true {
                    if let record = queue.popFirst() {
                        isTaking = true
                        return record
                    }
                    if isClosed { return nil }
                    condition.wait()
                }
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

        func waitUntilTaken() {
            locked {
                while !hasEnded, isTaking || queue.count > 0 { condition.wait() }
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
