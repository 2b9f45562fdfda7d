import Files
import Glibc
public import ProgressReports
import Synchronization

/// A file, FIFO or standard output that gets every record as a line of JSON, with its run and sequence.
public final class JSONLinesFile: ProgressSink {
    private let descriptor: Descriptor
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
        let isOutput = path == "-"
        do throws(FileError) {
            // Not blocking: opening a FIFO without a reader must fail instead of hang.
            descriptor =
                isOutput
                ? Descriptor(owning: fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0), path: path)
                : try Descriptor(
                    path, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK,
                    doing: "cannot be opened for writing")
        } catch {
            throw ProgressError(
                error.problem, at: path,
                hint: "Choose a file that you may write to; a FIFO needs a reader")
        }
        failures = FailureCount(place: isOutput ? "standard output" : path, tell: tell)
    }

    public var place: String { failures.place }

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
            do throws(FileError) {
                let count = try Array(rest).withBytes { (bytes) throws(FileError) in
                    try descriptor.writeSome(bytes)
                }
                rest = rest.dropFirst(count)
            } catch {
                guard error.cause == .system(EAGAIN) else { return error.reason }
                var entry = pollfd(fd: descriptor.number, events: Int16(POLLOUT), revents: 0)
                if poll(&entry, 1, Self.writeSeconds * 1000) != 1 {
                    return "its reader does not read"
                }
            }
        }
        return nil
    }

    public func finish(timeoutSeconds: Double) { failures.tellTotal() }
}
