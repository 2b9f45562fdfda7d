import ArgumentParser
import CommandOptions
import Datasets
import Faults
import Foundation
import Training

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

    @Option(
        help: ArgumentHelp("Base model: a Hugging Face folder or a .gguf file.", valueName: "path"))
    var model: String?

    @OptionGroup var reading: DataOptions

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Share of the records that is held out, e.g. 2%.", valueName: "share"))
    var heldOut: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Which sample to show, from 0 (default: 0).", valueName: "number"))
    var sample: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Threads that tokenize (default: this machine's cores).", valueName: "lanes"))
    var threads: String?

    @Flag(help: "Remove all tokenized data from the cache, and do nothing else.")
    var clearCache = false

    @Flag(help: "Print one JSON object instead of tables.")
    var json = false

    func run() throws {
        try exitingOnFault {
            let folder = SampleCache(folder: reading.cache)
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
            let settings: [String: String?] = [
                "data": files.joined(separator: ","), "model": model,
                "held-out": heldOut, "threads": threads,
            ]
            let report = try DataReport(
                settings: settings.compactMapValues { $0 }.merging(reading.settings) { $1 })
            guard wanted < report.sampleCount else {
                throw ConfigurationError(
                    "--sample", "is \(wanted); there are \(report.sampleCount) samples, from 0")
            }
            print(json ? report.json : report.text(sample: wanted))
        }
    }
}
