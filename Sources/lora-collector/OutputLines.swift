import Dispatch
import Files
import Glibc
import ProgressReports
import Synchronization

/// Prints lines on a thread of its own: a terminal that is stopped, or a pipe that nobody reads, must not
/// keep the collector from its work.
final class OutputLines: Sendable {
    private let waiting = Mutex(Waiting())
    private let news = DispatchSemaphore(value: 0)
    private let ended = DispatchSemaphore(value: 0)

    private struct Waiting {
        var lines: [String] = []
        var droppedCount = 0
        var isClosed = false
    }

    private static let mostLines = 10_000

    /// - Throws: ``ProgressError`` if no thread can be started.
    init() throws(ProgressError) {
        let isStarted = startThread { [self] in
            while printAll() { news.wait() }
            ended.signal()
        }
        guard isStarted else {
            throw ProgressError("no thread can be started", hint: "Raise ulimit -u")
        }
    }

    @Sendable func say(_ line: String) {
        waiting.withLock { waiting in
            if waiting.lines.count < Self.mostLines {
                waiting.lines.append(line)
            } else {
                waiting.droppedCount += 1
            }
        }
        news.signal()
    }

    /// Prints what waits, as far as the time allows; last call.
    func finish(timeoutSeconds: Double) {
        waiting.withLock { $0.isClosed = true }
        news.signal()
        _ = ended.wait(timeout: .now() + timeoutSeconds)
    }

    /// - Returns: Whether more may come.
    private func printAll() -> Bool {
        let taken = waiting.withLock { waiting in
            defer { waiting = Waiting(isClosed: waiting.isClosed) }
            return waiting
        }
        var text = taken.lines.map { $0 + "\n" }.joined()
        if taken.droppedCount > 0 {
            text +=
                "(\(taken.droppedCount) lines were not printed: nobody reads them fast enough)\n"
        }
        writeAll(text, to: STDOUT_FILENO)
        return !taken.isClosed
    }
}
