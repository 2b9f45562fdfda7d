import Files
import Synchronization

/// `OUT/metrics.jsonl`: every record of the run, one JSON object a line, each step once.
public final class MetricsFile: ProgressSink {
    public let path: String
    public var place: String { path }
    private let tell: @Sendable (String) -> Void
    private let file: AppendedFile
    private let failedRecords = Mutex(0)

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
            file = try AppendedFile(path: path)
        } catch {
            throw ProgressError(error)
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
        failedRecords.withLock { failed in
            do throws(FileError) {
                try file.append(Array((record.jsonLine + "\n").utf8))
            } catch {
                failed += 1
                if failed == 1 {
                    tell(
                        "\(path): a record could not be written (\(error.reason)); training goes on"
                    )
                }
            }
        }
    }

    /// Forces all records to the disk. Call it before a checkpoint is saved: then no power cut can
    /// leave a checkpoint whose steps are missing here.
    public func synchronize() { try? file.synchronize() }

    public func finish(timeoutSeconds: Double) {
        synchronize()
        let failed = failedRecords.withLock { $0 }
        if failed > 0 { tell("\(path): \(failed) records could not be written") }
    }
}

extension ProgressError {
    /// What a file's error says, as this room's.
    fileprivate init(_ error: FileError) {
        self.init(error.problem, at: error.location, hint: error.hint, exitCode: error.exitCode)
    }
}
