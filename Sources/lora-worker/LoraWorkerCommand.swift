import ArgumentParser
import CommandOptions
import Faults
import Foundation
import RunSettings
import SettingFlags
import Training

/// One rank of a training job; `mpirun` starts as many as wanted.
@main
struct LoraWorkerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lora-worker",
        abstract: "Trains a LoRA adapter; every rank of an mpirun job is one lora-worker.",
        discussion: """
            mpirun -n 8 lora-worker --model SmolLM2.gguf --data train.jsonl \\
                --eval-data held-out.jsonl --out run1

            Each rank holds the frozen model and computes gradients on its share of every batch; \
            rank 0 updates the adapter, writes checkpoints and reports. The adapter, in \
            OUT/adapter/, has the same bytes for any number of ranks and threads, and after any \
            number of crashes: the same command continues from the newest checkpoint.

            Every option may also stand in run.yaml under its name (batch-size: 16); options on \
            the command line win. On one small machine mpirun needs --oversubscribe for more \
            ranks than cores. Exit codes: 0 finished, 64 wrong usage, 75 try the same command \
            again, 76 another job holds OUT, 78 a value, a file or the data is wrong.
            """,
        version: ProgramVersion.text)

    @OptionGroup(title: "What to train on") var data: SettingOptions<DataSection>
    @OptionGroup(title: "The adapter") var adapter: SettingOptions<AdapterSection>
    @OptionGroup(title: "Optimization") var optimization: SettingOptions<OptimizationSection>
    @OptionGroup(title: "Running") var running: RunningOptions
    @OptionGroup(title: "Reports") var reports: SettingOptions<ReportsSection>

    /// For scripts/check/elsewhere.
    @Flag(help: .hidden) var dumpForeignSettings = false

    func run() throws {
        guard !dumpForeignSettings else {
            print(ForeignSetting.page)
            return
        }
        let flags = [data.texts, adapter.texts, optimization.texts, running.settings.texts]
            .reduce(reports.texts) { $0.merging($1) { $1 } }
        let code = TrainingJob.run(flags: flags, configurationFile: running.config)
        throw ArgumentParser.ExitCode(code.rawValue)
    }

    static func main() {
        StopSignals.hold()
        endIfOptionIsRepeated()
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch {
            guard let text = adviceForUnknownFlag(error) else { exit(withError: error) }
            FileHandle.standardError.write(Data("\(text)\n".utf8))
            exit(withError: ArgumentParser.ExitCode.validationFailure)
        }
    }

    /// What the parser says of a flag that another trainer has, with our name for it.
    private static func adviceForUnknownFlag(_ error: any Error) -> String? {
        let said = message(for: error)
        let parts = said.split(separator: "'", omittingEmptySubsequences: false)
        guard said.hasPrefix("Unknown option"), parts.count > 1,
            let advice = SettingAdvice.advice(forFlag: String(parts[1]))
        else { return nil }
        return fullMessage(for: error).replacingOccurrences(
            of: said, with: "Unknown option '\(parts[1])'; \(advice)")
    }
}
