import ProgressReports
import RunStore
import Words

/// Runs in columns: results, then the settings that are not the same in all.
struct RunComparison {
    private let runs: [RunSummary]
    /// Of each run, by name.
    private let settings: [[String: String]]

    /// - Parameter starts: The newest start of each run, where there is one.
    init(_ runs: [RunSummary], starts: [TimedRecord?]) {
        self.runs = runs
        settings = starts.map { start in
            guard case .runStarted(let value)? = start?.record else { return [:] }
            return Self.settings(value.configuration)
        }
    }

    var text: String {
        var table = TextTable()
        table.add([""] + runs.map(\.shownName))
        func row(_ name: String, _ value: (RunSummary) -> String?) {
            table.add([name.printable] + runs.map { value($0)?.printable ?? "-" })
        }
        row("state") { $0.state.rawValue }
        row("jobs") { "\($0.jobs)" }
        row("step") { $0.lastStep.map { "\($0.step)" } }
        row("loss") { $0.lastStep?.loss.shown(decimals: 4) }
        row("held-out loss") { $0.lastEvaluation?.loss.shown(decimals: 4) }
        row("tokens/s") { $0.lastStep?.tokensPerSecond.shown(decimals: 0) }
        row("ranks") { $0.start.map { "\($0.worldSize)" } }
        row("trained seconds") { $0.finish?.seconds.shown(decimals: 1) }
        row("adapter SHA-256") { $0.finish.map { String($0.adapterSHA256.prefix(12)) } }
        for name in differingSettings {
            table.add([name.printable] + settings.map { $0[name]?.printable ?? "-" })
        }
        return table.text
    }

    private var differingSettings: [String] {
        Set(settings.flatMap(\.keys)).sorted().filter { name in
            Set(settings.map { $0[name] ?? "" }).count > 1
        }
    }

    /// The lines of the resolved configuration, which is one setting a line.
    private static func settings(_ configuration: String) -> [String: String] {
        var result: [String: String] = [:]
        for line in configuration.split(separator: "\n") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            result[String(line[..<colon])] = String(value)
        }
        return result
    }
}

extension RunSummary {
    /// What a person calls it, safe to print.
    var shownName: String {
        (name.isEmpty ? String(runID.prefix(8)) : name).printable
    }
}
