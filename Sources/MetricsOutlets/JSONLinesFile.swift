import Glibc
public import ProgressReports
import Synchronization

/// A file, FIFO or standard output that gets every record as a line of JSON, with its run and sequence.
public final class JSONLinesFile: ProgressSink {
    private let descriptor: Int32
    private let isOwned: Bool
    private let failures: FailureCount
    private let state = Mutex(State())

    private struct State {
        /// The last line is not whole: the next one begins anew.
        var isTorn = false
    }

    private static let writeSeconds: Int32 = 1

    /// - Parameter path: Appended to; "-" is standard output.
    /// - Throws: ``ProgressError`` if it cannot be opened; a FIFO needs its reader first.
    public init(
        path: String, tell: @escaping @Sendable (String) -> Void = tellOnStandardError
    ) throws(ProgressError) {
        isOwned = path != "-"
        // Not blocking: opening a FIFO without a reader must fail instead of hang.
        descriptor =
            isOwned
            ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0o644)
            : STDOUT_FILENO
        guard descriptor >= 0 else {
            throw ProgressError(
                "cannot be opened for writing (\(String(cString: strerror(errno))))", at: path,
                hint: "Choose a file that you may write to; a FIFO needs a reader")
        }
        failures = FailureCount(place: isOwned ? path : "standard output", tell: tell)
    }

    public var place: String { failures.place }

    deinit { if isOwned { close(descriptor) } }

    public func receive(_ record: TimedRecord) {
        state.withLock { state in
            let line = (state.isTorn ? "\n" : "") + record.jsonLineWithSender + "\n"
            var rest = Array(line.utf8)[...]
            if let problem = write(&rest) {
                failures.count(problem)
                state.isTorn = state.isTorn || rest.count < line.utf8.count
            } else {
                state.isTorn = false
            }
        }
    }

    /// - Parameter rest: What is not written yet.
    /// - Returns: Why not all was; `nil` if it was.
    private func write(_ rest: inout ArraySlice<UInt8>) -> String? {
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress, $0.count)
            }
            if written > 0 {
                rest = rest.dropFirst(written)
            } else if errno == EAGAIN || errno == EINTR {
                var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                if poll(&entry, 1, Self.writeSeconds * 1000) != 1 {
                    return "its reader does not read"
                }
            } else {
                return String(cString: strerror(errno))
            }
        }
        return nil
    }

    public func finish(timeoutSeconds: Double) { failures.tellTotal() }
}
