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

            RUN is a run's folder, or with --store a run that a collector has stored.
            """)

    @Argument(help: ArgumentHelp("Folder of a run, or its name in --store.", valueName: "run"))
    var name: String

    @Option(help: ArgumentHelp("A collector's file.", valueName: "file")) var store: String?

    @Option(help: ArgumentHelp("Where to write (default: NAME.html).", valueName: "file"))
    var output: String?

    func run() throws {
        try exitingOnFault {
            let (title, json) = try store.map(stored) ?? fromFolder()
            let path = output ?? "\(title).html"
            guard !FileManager.default.fileExists(atPath: path) else {
                throw ConfigurationError(
                    path, "exists already", hint: "Give another --output, or remove it")
            }
            do {
                try RunPage.report(runs: json).write(
                    toFile: path, atomically: true, encoding: .utf8)
            } catch {
                throw ConfigurationError(path, "cannot be written (\(error.localizedDescription))")
            }
            print(path)
        }
    }

    private func stored(_ path: String) throws -> (title: String, json: String) {
        let store = try RunStore(reading: path)
        let run = try store.run(matching: name)
        let lines = try store.records(of: run.runID).map(\.record.jsonLineWithSender)
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
                path, "cannot be read", hint: "Give the folder that was lora-worker's --out")
        }
        let lines = String(decoding: data, as: UTF8.self).split(separator: "\n").map(String.init)
        let records = lines.compactMap {
            try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
        }
        guard records.count == lines.count, !lines.isEmpty else {
            throw ConfigurationError(path, "holds a line that is no record")
        }
        let title = URL(fileURLWithPath: name).lastPathComponent
        return (title, Self.json(Self.summary(records, title: title), lines))
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
        object.add("world_size", last("run_started", "world_size"))
        return object.text
    }
}
