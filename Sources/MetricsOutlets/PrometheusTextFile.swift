import Files
import Glibc
public import ProgressReports
import Synchronization
import Words

/// A file for node-exporter's textfile collector, replaced whole at each record.
public final class PrometheusTextFile: ProgressSink {
    private let path: String
    private let runName: String
    private let failures: FailureCount
    private let state = Mutex(State())

    private struct State {
        var newest: [String: TimedRecord] = [:]
        /// Of this job, by kind.
        var counts = ["checkpoint": 0, "warning": 0]
    }

    /// - Parameter path: Must end in `.prom`, or node-exporter does not read it.
    public init(
        path: String, runName: String,
        tell: @escaping @Sendable (String) -> Void = tellOnStandardError
    ) throws(ProgressError) {
        guard path.hasSuffix(".prom") else {
            throw ProgressError(
                "'\(path.printable)' does not end in .prom", at: "--prometheus-file",
                hint: "node-exporter reads only files of that kind")
        }
        let folder =
            path.contains("/") ? String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)]) : "."
        guard access(folder.isEmpty ? "/" : folder, W_OK | X_OK) == 0 else {
            throw ProgressError(
                "its folder cannot be written to (\(String(cString: strerror(errno))))", at: path,
                hint: "Make the folder that --prometheus-file names, or choose another")
        }
        self.path = path
        self.runName = runName
        failures = FailureCount(place: path, tell: tell)
    }

    public var place: String { path }

    public func receive(_ record: TimedRecord) {
        let text = state.withLock { state in
            state.newest[record.record.kind] = record
            state.counts[record.record.kind]? += 1
            var text = PrometheusText()
            for (_, newest) in state.newest.sorted(by: { $0.key < $1.key }) {
                text.add(newest.record, runID: record.runID, runName: runName)
            }
            for (kind, count) in state.counts.sorted(by: { $0.key < $1.key }) {
                text.add(count: count, of: kind + "s", runID: record.runID, runName: runName)
            }
            text.add(
                updatedNanoseconds: record.unixTimeNanoseconds, runID: record.runID,
                runName: runName)
            return text.text
        }
        do throws(FileError) {
            // A reader sees the old file or the new one, never half of it.
            try DurableFiles.writeBriefly(Array(text.utf8), to: path)
        } catch {
            failures.count(error.reason)
        }
    }

    public func finish(timeoutSeconds: Double) { failures.tellTotal() }
}
