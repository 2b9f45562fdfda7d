import ArgumentParser
import Faults
import Foundation
import ProgressReports
import RunPage
import RunStore
import Training

/// `lora report`: a run as one HTML file.
struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Write a run's curves, events, configuration and numbers as one HTML file.",
        discussion: """
            The file needs nothing beside itself: mail it, open it anywhere.

              lora report run1
              lora report night-3 --store runs.sqlite --output night-3.html

            RUN is a run's folder, or with --store a run that a collector has stored. Of a long run's \
            steps it has some thousands: every K-th, and between them those of the least and of the \
            greatest loss.
            """)

    @Argument(help: ArgumentHelp("Folder of a run, or its name in --store.", valueName: "run"))
    var name: String

    @Option(help: ArgumentHelp("A collector's file.", valueName: "file")) var store: String?

    @Option(
        help: ArgumentHelp(
            "Where to write (default: NAME.html); - for standard output.", valueName: "file"))
    var output: String?

    @Flag(help: "Replace the file if it exists.") var force = false

    func run() throws {
        try exitingOnFault {
            let (title, json) = try store.map(stored) ?? fromFolder()
            let path = output ?? "\(Self.fileName(title)).html"
            if path == "-" {
                print(RunPage.report(runs: json), terminator: "")
            } else {
                try write(RunPage.report(runs: json), to: path)
                print(path.printable)
            }
        }
    }

    private func write(_ page: String, to path: String) throws {
        var isFolder: ObjCBool = false
        let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
        guard !isFolder.boolValue else { throw ConfigurationError(path, "is a folder") }
        guard force || !exists else {
            throw ConfigurationError(
                path, "exists already", hint: "Give another --output, or --force to replace it")
        }
        do {
            try page.write(toFile: path, atomically: true, encoding: .utf8)
        } catch {
            let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
            let reason =
                access(folder, W_OK) == 0
                ? error.localizedDescription : String(cString: strerror(errno))
            throw ConfigurationError(path, "cannot be written (\(reason))")
        }
    }

    /// A run's name comes from its sender, who must not choose where a file goes.
    private static func fileName(_ title: String) -> String {
        let name = title.unicodeScalars.map { scalar in
            let isPlain =
                scalar.isASCII && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar))
            return isPlain || "-_".unicodeScalars.contains(scalar) ? Character(scalar) : "_"
        }
        return name.isEmpty ? "run" : String(name.prefix(100))
    }

    /// More would draw no better.
    private static let mostGroups = 1500

    /// ``StepThinning`` thins groups of so many steps.
    private static func every(totalSteps: Int) -> Int {
        max(1, (totalSteps + mostGroups - 1) / mostGroups)
    }

    private func stored(_ path: String) throws -> (title: String, json: String) {
        let store = try RunStore(reading: path)
        let run = try store.run(matching: name)
        let newest = try store.newest("step", of: run.runID)
        var lines: [String] = []
        var hasNewest = false
        try store.forEachRecord(
            of: run.runID, every: Self.every(totalSteps: run.lastStep?.step ?? 0)
        ) {
            lines.append($0.jsonLineWithSender)
            hasNewest = hasNewest || $0 == newest
        }
        if let newest, !hasNewest { lines.append(newest.jsonLineWithSender) }
        return (
            run.name.isEmpty ? String(run.runID.prefix(8)) : run.name,
            Self.json(RunJSON.object(run), lines)
        )
    }

    /// `metrics.jsonl` has each step once, in order.
    private func fromFolder() throws -> (title: String, json: String) {
        let path = name + "/metrics.jsonl"
        guard let data = FileManager.default.contents(atPath: path) else {
            throw ConfigurationError(
                path, "cannot be read",
                hint: "Give the folder that was lora-worker's --out, or with --store a run's name")
        }
        let (records, lines) = try Self.records(data, path)
        let title = URL(fileURLWithPath: name).lastPathComponent
        let shown = Self.shownIndices(records).map { lines[$0] }
        return (title, Self.json(Self.summary(records, title: title), shown))
    }

    /// A run that goes on, or was cut off, may end in half a line.
    private static func records(
        _ data: Data, _ path: String
    ) throws -> (records: [[String: Any]], lines: [String]) {
        var lines = data.split(separator: 10).map { String(decoding: $0, as: UTF8.self) }
        if let last = data.last, last != 10 { lines.removeLast() }
        let records = lines.compactMap {
            try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
        }
        guard !lines.isEmpty else {
            throw ConfigurationError(path, "has no records: no job has reported yet")
        }
        guard records.count == lines.count else {
            throw ConfigurationError(path, "holds a line that is no record")
        }
        return (records, lines)
    }

    private static func shownIndices(_ records: [[String: Any]]) -> [Int] {
        let steps = records.indices.filter { step(records[$0]) != nil }
        let last = steps.last.flatMap { step(records[$0]) } ?? 0
        var thinning = StepThinning<Int>(every: every(totalSteps: last))
        for index in steps {
            let loss = (records[index]["loss"] as? NSNumber)?.doubleValue
            thinning.add(job: 0, step: step(records[index]) ?? 0, loss: loss ?? .nan, id: index)
        }
        var shown = Set(thinning.finish())
        if let newest = steps.last { shown.insert(newest) }
        return records.indices.filter { shown.contains($0) || step(records[$0]) == nil }
    }

    /// `nil` for records of another kind.
    private static func step(_ record: [String: Any]) -> Int? {
        record["kind"] as? String == "step" ? record["step"] as? Int : nil
    }

    private static func json(_ summary: String, _ lines: [String]) -> String {
        "{\"runs\":[\(summary.dropLast()),\"records\":[\(lines.joined(separator: ","))]}]}"
    }

    /// The same fields as ``RunJSON/object(_:)``, as far as a file tells them.
    private static func summary(_ records: [[String: Any]], title: String) -> String {
        func last(_ kind: String, _ field: String) -> RecordField.Value? {
            let value = records.last { $0["kind"] as? String == kind }?[field]
            if let text = value as? String { return .text(text) }
            return (value as? NSNumber).map { .number($0.doubleValue) }
        }
        func time(_ record: [String: Any]?) -> RecordField.Value {
            .number((record?["time"] as? NSNumber)?.doubleValue ?? 0)
        }
        let end = records.last?["kind"] as? String
        let jobs = records.filter { $0["kind"] as? String == "run_started" }.count
        let isOver = end == "finished" || end == "failed"
        var object = JSONObject()
        object.add("run_id", last("run_started", "run_id") ?? .text(title))
        object.add("name", .text(title))
        object.add("state", .text(isOver ? end ?? "" : "silent"))
        object.add("started", time(records.first))
        object.add("updated", time(records.last))
        object.add("step", last("step", "step"))
        object.add("total_steps", last("run_started", "total_steps"))
        object.add("loss", last("step", "loss"))
        object.add("held_out_loss", last("evaluation", "loss"))
        object.add("tokens_per_second", last("step", "tokens_per_second"))
        object.add("seconds_left", nil)
        object.add("jobs", .integer(jobs))
        object.add("world_size", last("run_started", "world_size"))
        return object.text
    }
}
