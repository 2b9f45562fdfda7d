import Dispatch
import Files
import Glibc
import Synchronization

/// Gives each record its sender, number and time, and hands it to all sinks in order.
public final class ProgressReporter: Sendable {
    private let runID: String
    private let epoch: UInt64
    private let sinks: [any ProgressSink]
    private let clock: @Sendable () -> Int64
    /// Held while sinks are called, so that all see one order.
    private let state = Mutex(State())

    private struct State {
        var nextSequence: UInt64 = 1
        var longestHandOver = Duration.zero
    }

    /// - Parameters:
    ///   - runID: Stands in every record.
    ///   - epoch: Of this job, in every record too.
    ///   - sinks: Called in this order, on the caller's thread.
    ///   - clock: Nanoseconds since 1970-01-01 UTC.
    public init(
        runID: String, epoch: UInt64 = 1, sinks: [any ProgressSink],
        clock: @escaping @Sendable () -> Int64 = unixTimeNanoseconds
    ) {
        self.runID = runID
        self.epoch = epoch
        self.sinks = sinks
        self.clock = clock
    }

    public func report(_ record: ProgressRecord) {
        let begin = ContinuousClock.now
        state.withLock { state in
            let timed = TimedRecord(
                runID: runID, epoch: epoch, sequence: state.nextSequence,
                unixTimeNanoseconds: clock(), record: record)
            state.nextSequence += 1
            for sink in sinks { sink.receive(timed) }
            state.longestHandOver = max(state.longestHandOver, .now - begin)
        }
    }

    /// The longest that a call of ``report(_:)`` has taken.
    public var longestHandOverSeconds: Double {
        state.withLock { $0.longestHandOver / .seconds(1) }
    }

    /// Beyond what sinks were given: for slow disks, and against a terminal that was stopped.
    private static let patienceSeconds = 60.0

    /// At its end a job waits so long for receivers that are away.
    public static let endSeconds = 5.0

    /// Finishes all sinks at once; each may take `timeoutSeconds`.
    public func finish(timeoutSeconds: Double) {
        let finished = DispatchSemaphore(value: 0)
        for sink in sinks {
            let end: @Sendable () -> Void = {
                sink.finish(timeoutSeconds: timeoutSeconds)
                finished.signal()
            }
            if !startThread(end) { end() }
        }
        let deadline = DispatchTime.now() + timeoutSeconds + Self.patienceSeconds
        for _ in sinks { _ = finished.wait(timeout: deadline) }
    }
}

/// The wall clock: nanoseconds since 1970-01-01 UTC. For stamps only, never for deadlines.
@Sendable public func unixTimeNanoseconds() -> Int64 {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
}

/// Tells the person at the terminal; for trouble of the sinks themselves.
@Sendable public func tellOnStandardError(_ text: String) {
    writeAll("warning: \(text)\n", to: STDERR_FILENO)
}
