import Foundation
import JSON
import ProgressReports
import RunSettings
import RunStore
import Training

/// What a report shows of a run's `metrics.jsonl`, in which each step stands once, in order.
///
/// Read line by line: of a long run it holds what is shown.
struct FolderRecords {
    /// Lines of the file, in its order.
    let lines: [String]
    /// The same fields as ``RunJSON/object(_:)``, as far as the file tells them.
    let summary: String

    /// - Parameters:
    ///   - path: The file.
    ///   - title: What the run is called.
    ///   - every: Of so many steps those that ``StepThinning`` keeps are shown, and the newest.
    /// - Throws: ``ConfigurationError`` naming the file if it cannot be read or holds no records.
    init(_ path: String, title: String, every: Int) throws {
        guard let file = MetricsLines(path) else { throw Self.unreadable(path) }
        var facts = Facts()
        var thinning = StepThinning<Line>(every: every)
        var shown: [Line] = []
        var newestStep: Line?
        while let text = file.next() {
            guard let record = Self.record(text) else {
                throw ConfigurationError(
                    "\(path):\(file.number)", "holds a line that is no record")
            }
            let line = Line(number: file.number, text: text)
            facts.take(record)
            if let step = Self.step(of: record) {
                let loss = record["loss"]?.double
                thinning.add(job: 0, step: step, loss: loss ?? .nan, id: line)
                newestStep = line
            } else {
                shown.append(line)
            }
        }
        guard facts.lineCount > 0 else {
            throw ConfigurationError(path, "has no records: no job has reported yet")
        }
        shown += thinning.finish()
        if let newestStep, !shown.contains(where: { $0.number == newestStep.number }) {
            shown.append(newestStep)
        }
        lines = shown.sorted { $0.number < $1.number }.map(\.text)
        summary = facts.summary(title: title)
    }

    /// The newest step of the file, looked for from its end; 0 where there is none.
    static func newestStep(_ path: String) throws -> Int {
        guard let file = FileHandle(forReadingAtPath: path) else { throw unreadable(path) }
        defer { try? file.close() }
        do {
            return try newestStep(in: file)
        } catch {
            throw unreadable(path)
        }
    }

    private static func newestStep(in file: FileHandle) throws -> Int {
        let size = try file.seekToEnd()
        var length: UInt64 = 1 << 16
        while true {
            let begin = size > length ? size - length : 0
            try file.seek(toOffset: begin)
            let lines = (try file.readToEnd() ?? Data()).split(separator: 10)
            // The first may be the end of a line.
            for line in lines.dropFirst(begin > 0 ? 1 : 0).reversed() {
                let step = record(String(decoding: line, as: UTF8.self)).flatMap(step)
                if let step { return step }
            }
            guard begin > 0 else { return 0 }
            length *= 8
        }
    }

    private static func unreadable(_ path: String) -> ConfigurationError {
        ConfigurationError(
            path, "cannot be read",
            hint: "Give the folder that was lora-worker's --out, or with --store a run's name")
    }

    private struct Line {
        let number: Int
        let text: String
    }

    private static func record(_ line: String) -> JSONObject? { JSONValue(text: line)?.members }

    /// `nil` for records of another kind.
    private static func step(of record: JSONObject) -> Int? {
        record["kind"] == "step" ? record["step"]?.integer : nil
    }
}

/// What a summary needs of all records.
private struct Facts {
    private(set) var lineCount = 0
    private var jobs = 0
    private var firstTime = 0.0
    private var lastTime = 0.0
    private var lastKind = ""
    /// The newest of each kind that a summary has something of.
    private var newest: [String: JSONObject] = [:]

    private static let kinds: Set = ["run_started", "step", "evaluation"]

    mutating func take(_ record: JSONObject) {
        let time = record["time"]?.double ?? 0
        if lineCount == 0 { firstTime = time }
        lastTime = time
        lineCount += 1
        lastKind = record["kind"]?.string ?? ""
        if lastKind == "run_started" { jobs += 1 }
        if Self.kinds.contains(lastKind) { newest[lastKind] = record }
    }

    func summary(title: String) -> String {
        func last(_ kind: String, _ field: String) -> JSONValue { newest[kind]?[field] ?? .null }
        let isOver = lastKind == "finished" || lastKind == "failed"
        let runID = last("run_started", "run_id")
        let object: JSONObject = [
            "run_id": runID == .null ? .text(title) : runID, "name": .text(title),
            "state": .text(isOver ? lastKind : "silent"), "started": .number(firstTime),
            "updated": .number(lastTime), "step": last("step", "step"),
            "total_steps": last("run_started", "total_steps"), "loss": last("step", "loss"),
            "held_out_loss": last("evaluation", "loss"),
            "tokens_per_second": last("step", "tokens_per_second"), "seconds_left": .null,
            "jobs": .integer(jobs), "world_size": last("run_started", "world_size"),
        ]
        return object.line
    }
}

/// The whole lines of a file, one at a time: a run that goes on, or was cut off, may end in half a line.
private final class MetricsLines {
    private let file: UnsafeMutablePointer<FILE>
    private var buffer: UnsafeMutablePointer<CChar>?
    private var capacity = 0
    /// Of the line that was given last, from 1.
    private(set) var number = 0

    /// - Returns: `nil` if the file cannot be opened.
    init?(_ path: String) {
        guard let file = fopen(path, "re") else { return nil }
        self.file = file
    }

    deinit {
        free(buffer)
        fclose(file)
    }

    /// Without its line feed; empty lines are passed over.
    func next() -> String? {
        while true {
            let count = getline(&buffer, &capacity, file)
            guard count > 0, let buffer else { return nil }
            let bytes = UnsafeRawBufferPointer(start: buffer, count: count)
            guard bytes.last == UInt8(ascii: "\n") else { return nil }
            number += 1
            if count > 1 { return String(decoding: bytes.dropLast(), as: UTF8.self) }
        }
    }
}
