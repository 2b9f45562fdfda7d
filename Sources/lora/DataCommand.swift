import ArgumentParser
import Datasets
import Faults
import Foundation
import RunSettings
import SettingFlags
import Training
import Words

/// `lora data`: what a run would train on.
struct DataCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "data",
        abstract: "Show what will be trained: counts, lengths, skipped records, and a sample.",
        discussion: """
            Reads data files as lora-worker does and says what becomes of their records. In the \
            sample shown, what the loss counts stands in another colour, or between [[ and ]] \
            where the output is no terminal. The samples are left tokenized in the cache, where a \
            run with the same model, data and settings finds them.

            Examples:
              lora data train.jsonl --model SmolLM2.gguf
              lora data chat.jsonl.zst=2 alpaca.json --model SmolLM2.gguf --held-out 2% --sample 5
              lora data --clear-cache
            """)

    @Argument(
        help: ArgumentHelp(
            "Data files, each followed by =WEIGHT or not: JSONL or a JSON array, gzip or zstd too.",
            valueName: "file"))
    var files: [String] = []

    @OptionGroup var given: SettingOptions<DataSettings>

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Which sample to show, from 0 (default: 0).", valueName: "number"))
    var sample: String?

    @Flag(help: "Remove all tokenized data from the cache, and do nothing else.")
    var clearCache = false

    @Flag(help: "Print one JSON object instead of tables.")
    var json = false

    func run() throws {
        try exitingOnFault {
            let folder = try SettingValues(given.texts).sampleCache
            guard !clearCache else {
                let files = folder.contents().files
                let bytes = try folder.clear()
                print("\(folder.folder): \(files) files removed, \(bytes.shownBytes)")
                return
            }
            guard !files.isEmpty else {
                throw ConfigurationError(
                    "lora data", "is given no file", hint: "As in: lora data FILE --model MODEL")
            }
            let wanted = try NumberFlag("--sample", sample).notNegative.map { Int($0) } ?? 0
            let settings = given.texts.merging(["data": files.joined(separator: ",")]) { $1 }
            let report = try DataReport(settings: SettingValues(settings))
            guard wanted < report.sampleCount else {
                throw ConfigurationError(
                    "--sample", "is \(wanted); there are \(report.sampleCount) samples, from 0")
            }
            print(json ? report.json : report.text(sample: wanted))
        }
    }
}
