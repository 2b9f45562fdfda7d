import Files
import Glibc
import Synchronization

/// `OUT/metrics.jsonl`: every record of the run, one JSON object a line, each step once.
public final class MetricsFile: ProgressSink {
    public let path: String
    public var place: String { path }
    private let tell: @Sendable (String) -> Void
    private let state: Mutex<State>

    private struct State {
        var descriptor: Int32
        var failedRecords = 0
    }

    /// Opens the file for appending; on resume brings it to the state of the checkpoint first.
    ///
    /// A torn last line is cut off. Records past the checkpoint's step move to
    /// `metrics.superseded.jsonl` beside it before the file is replaced in one step, so that a crash
    /// in between loses none (but may list some there twice).
    ///
    /// - Parameters:
    ///   - path: Its folder must exist.
    ///   - resumeAtStep: Step of the loaded checkpoint; nil for a run from the start, which
    ///     supersedes all records that an attempt before the first checkpoint left.
    ///   - tell: Told once if a record cannot be written, and at the end how many.
    /// - Throws: ``ProgressError`` naming the file.
    public init(
        path: String, resumeAtStep: Int?,
        tell: @escaping @Sendable (String) -> Void = tellOnStandardError
    ) throws(ProgressError) {
        self.path = path
        self.tell = tell
        let history = try MetricsHistory(contentsOf: path, resumeAtStep: resumeAtStep)
        do throws(FileError) {
            if !history.superseded.isEmpty {
                try DurableFiles.appendDurably(
                    history.superseded, to: Self.supersededPath(besides: path))
            }
            // Each job has a file of its own under the name: what a job that was cut off still writes
            // reaches nobody.
            if history.isFile { try DurableFiles.writeDurably(history.kept, to: path) }
        } catch {
            throw ProgressError(error)
        }
        // Not blocking: opening a FIFO without a reader must fail instead of hang.
        let descriptor = open(
            path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0o644)
        guard descriptor >= 0 else {
            throw ProgressError(
                "cannot be opened for writing (\(String(cString: strerror(errno))))", at: path)
        }
        state = Mutex(State(descriptor: descriptor))
    }

    deinit {
        state.withLock { state in
            if state.descriptor >= 0 { close(state.descriptor) }
        }
    }

    /// `…/metrics.jsonl` → `…/metrics.superseded.jsonl`.
    private static func supersededPath(besides path: String) -> String {
        let suffix = ".jsonl"
        let stem = path.hasSuffix(suffix) ? String(path.dropLast(suffix.count)) : path
        return stem + ".superseded" + suffix
    }

    /// Appends the record with one `write`. A failure is counted and told once; it does not stop
    /// the run.
    public func receive(_ record: TimedRecord) {
        let line = Array((record.jsonLine + "\n").utf8)
        state.withLock { state in
            guard state.descriptor >= 0 else { return }
            let written = line.withUnsafeBytes {
                write(state.descriptor, $0.baseAddress, $0.count)
            }
            guard written != line.count else { return }
            let reason = String(cString: strerror(written < 0 ? errno : ENOSPC))
            cutOff(written, in: state.descriptor)
            state.failedRecords += 1
            if state.failedRecords == 1 {
                tell("\(path): a record could not be written (\(reason)); training goes on")
            }
        }
    }

    /// Forces all records to the disk. Call it before a checkpoint is saved: then no power cut can
    /// leave a checkpoint whose steps are missing here.
    public func synchronize() {
        state.withLock { state in
            if state.descriptor >= 0 { _ = fsync(state.descriptor) }
        }
    }

    public func finish(timeoutSeconds: Double) {
        synchronize()
        let failed = state.withLock { $0.failedRecords }
        if failed > 0 { tell("\(path): \(failed) records could not be written") }
    }

    /// Takes back the part of a line that did fit, so that the next line stands alone.
    private func cutOff(_ written: Int, in descriptor: Int32) {
        guard written > 0 else { return }
        var status = stat()
        if fstat(descriptor, &status) == 0 {
            _ = ftruncate(descriptor, status.st_size - off_t(written))
        }
    }
}

extension ProgressError {
    fileprivate init(_ error: FileError) {
        self.init(error.problem, at: error.location, hint: error.hint, exitCode: error.exitCode)
    }
}
