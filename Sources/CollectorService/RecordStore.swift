import Faults
import Glibc
import ProgressReports

/// The collector's file: one JSON object a record, appended.
///
/// Not `Sendable`: the server's one event loop owns it.
final class RecordStore {
    private let path: String
    private let descriptor: Int32
    private let tell: @Sendable (String) -> Void
    private var hasFailed = false

    init(path: String, tell: @escaping @Sendable (String) -> Void) throws(CollectorServiceError) {
        // Not blocking: opening a FIFO without a reader must fail instead of hang.
        descriptor = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0o644)
        guard descriptor >= 0 else {
            throw CollectorServiceError(
                "\(path) cannot be opened for writing (\(String(cString: strerror(errno))))",
                at: "--store", hint: "Choose a file in an existing folder that you may write to")
        }
        self.path = path
        self.tell = tell
        endTornLine()
    }

    deinit { close(descriptor) }

    /// A collector that was killed may have left half a line; ours must not continue it.
    private func endTornLine() {
        let end = lseek(descriptor, 0, SEEK_END)
        var last = UInt8(ascii: "\n")
        if end > 0 && pread(descriptor, &last, 1, end - 1) == 1 && last != UInt8(ascii: "\n") {
            last = UInt8(ascii: "\n")
            _ = write(descriptor, &last, 1)
        }
    }

    func append(_ record: TimedRecord) {
        let line = Array((record.jsonLineWithSender + "\n").utf8)
        let written = line.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        if written == line.count {
            hasFailed = false
            return
        }
        let reason = String(cString: strerror(written < 0 ? errno : ENOSPC))
        if written > 0 {
            let end = lseek(descriptor, 0, SEEK_END)
            _ = ftruncate(descriptor, max(0, end - off_t(written)))
        }
        // Once for each spell of trouble, not for each record.
        if !hasFailed { tell("\(path): records cannot be stored (\(reason))") }
        hasFailed = true
    }
}
