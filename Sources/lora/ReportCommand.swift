import ArgumentParser
import Faults
import Foundation
import ProgressReports
import RunPage
import RunSettings
import RunStore
import Training
import Words

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
        let every = Self.every(totalSteps: run.lastStep?.step ?? 0)
        var lines: [String] = []
        var hasNewest = false
        try store.forEachRecord(of: run.runID, every: every) {
            lines.append($0.jsonLineWithSender)
            hasNewest = hasNewest || $0 == newest
        }
        if let newest, !hasNewest { lines.append(newest.jsonLineWithSender) }
        return (
            run.name.isEmpty ? String(run.runID.prefix(8)) : run.name,
            Self.json(RunJSON.object(run), every: every, lines)
        )
    }

    private func fromFolder() throws -> (title: String, json: String) {
        let path = name + "/metrics.jsonl"
        let title = URL(fileURLWithPath: name).lastPathComponent
        let every = Self.every(totalSteps: try FolderRecords.newestStep(path))
        let records = try FolderRecords(path, title: title, every: every)
        return (title, Self.json(records.summary, every: every, records.lines))
    }

    /// With the size of the groups, by which the page tells samples of the loss from its extremes.
    private static func json(_ summary: String, every: Int, _ lines: [String]) -> String {
        let head = "\(summary.dropLast()),\"every\":\(every),\"records\":["
        return "{\"runs\":[\(head)\(lines.joined(separator: ","))]}]}"
    }
}
