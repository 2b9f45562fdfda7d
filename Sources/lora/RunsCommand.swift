import ArgumentParser
import Foundation
import ProgressReports
import RunStore
import Words

/// `lora runs`: what a collector has stored.
struct RunsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "runs",
        abstract: "List, show and compare the runs that a collector has stored.",
        discussion: """
            Reads the collector's file, also while the collector writes to it:

              lora runs
              lora runs show night-3
              lora runs compare night-2 night-3

            A run is named by its folder's last part or by the first characters of its identifier.
            """,
        subcommands: [List.self, Show.self, Compare.self], defaultSubcommand: List.self)

    struct StoreOptions: ParsableArguments {
        @Option(
            help: ArgumentHelp(
                "The collector's file (default: ~/.local/share/lora-cluster/runs.sqlite).",
                valueName: "FILE"))
        var store: String?

        func open() throws -> RunStore { try RunStore(reading: store ?? RunStore.defaultPath) }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "All runs, the one that was heard of last first.")
        @OptionGroup var options: StoreOptions
        @Flag(help: "Print JSON.") var json = false
        /// What is no subcommand, or does not stand where one must.
        @Argument(help: .hidden) var words: [String] = []

        func validate() throws {
            guard let word = words.first else { return }
            let names = RunsCommand.configuration.subcommands.map { $0._commandName }
            let advice =
                names.contains(word)
                ? "It stands before all options: lora runs \(word) …"
                : nearestWord(to: word, among: names).map { "Did you mean '\($0)'?" }
                    ?? "lora runs show NAME shows a run."
            throw ValidationError("Unexpected argument '\(word.printable)'. \(advice)")
        }

        func run() throws {
            try exitingOnFault {
                let runs = try options.open().runs()
                if json {
                    print(RunJSON.list(runs))
                    return
                }
                var table = TextTable()
                table.add(["run", "id", "state", "step", "loss", "held-out", "tokens/s", "left"])
                for run in runs { table.add(cells(run)) }
                print(runs.isEmpty ? "no run has reported yet" : table.text)
            }
        }

        private func cells(_ run: RunSummary) -> [String] {
            let left = run.state == .running ? run.lastStep?.details.secondsLeft : nil
            return [
                run.name.isEmpty ? "-" : String(run.name.prefix(40)).printable,
                run.runID.prefix(8).description.printable,
                run.state.rawValue,
                "\(run.lastStep?.step ?? 0)/\(run.start.map { "\($0.totalSteps)" } ?? "?")",
                run.lastStep?.loss.shown(decimals: 4) ?? "-",
                run.lastEvaluation?.loss.shown(decimals: 4) ?? "-",
                run.lastStep?.tokensPerSecond.shown(decimals: 0) ?? "-",
                left.map { duration(seconds: $0) } ?? "-",
            ]
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "What happened in a run: everything but its steps, and the last of those.",
            discussion: "Of checkpoints without anything else between them the last is shown.")
        @OptionGroup var options: StoreOptions
        @Argument(help: ArgumentHelp("Name or identifier.", valueName: "run")) var name: String
        @Flag(help: "Print every record as a line of JSON, steps too.") var json = false

        func run() throws {
            try exitingOnFault {
                let store = try options.open()
                let run = try store.run(matching: name)
                if json {
                    try store.forEachRecord(of: run.runID) { print($0.jsonLineWithSender) }
                    return
                }
                var records = try store.records(of: run.runID, every: nil)
                if let step = try store.newest("step", of: run.runID) { records.append(step) }
                records.sort {
                    ($0.unixTimeNanoseconds, $0.sequence) < ($1.unixTimeNanoseconds, $1.sequence)
                }
                Self.withoutRepeatedCheckpoints(records).forEach { print($0) }
            }
        }

        private static func withoutRepeatedCheckpoints(_ records: [TimedRecord]) -> [String] {
            var lines: [String] = []
            var skipped = 0
            for (index, record) in records.enumerated() {
                let next = index + 1 < records.count ? records[index + 1].record.kind : ""
                if record.record.kind == "checkpoint" && next == "checkpoint" {
                    skipped += 1
                    continue
                }
                let date = Date(timeIntervalSince1970: Double(record.unixTimeNanoseconds) / 1e9)
                let before = skipped > 0 ? " (and \(skipped) before it)" : ""
                lines.append("\(date.formatted(.iso8601))  \(record.sentence)\(before)")
                skipped = 0
            }
            return lines
        }
    }

    struct Compare: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Runs side by side: where they stand, and settings in which they differ.")
        @OptionGroup var options: StoreOptions
        @Argument(help: ArgumentHelp("Names or identifiers, two or more.", valueName: "runs"))
        var names: [String]

        func validate() throws {
            if names.count < 2 { throw ValidationError("Give two runs or more.") }
        }

        func run() throws {
            try exitingOnFault {
                let store = try options.open()
                let runs = try names.map { try store.run(matching: $0) }
                let starts = try runs.map { try store.newest("run_started", of: $0.runID) }
                print(RunComparison(runs, starts: starts).text)
            }
        }
    }
}
