import ArgumentParser
import Faults
import Files
import Foundation
import Operations

/// `lora bench`: how fast the steps of a run are, and where their time goes.
struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure the steps of a run: speed, where the time goes, scaling over ranks.",
        discussion: """
            Computes the first steps of the run in this process, with the lanes that a rank would \
            have, and prints medians. Tokens are those of the samples; computed are the rows that \
            remain when samples share what they begin with; targets are those that the loss \
            counts. The peak is that of a large float32 product on all lanes, measured first.

            --ceiling runs the step's products with frozen weights, of attention and of the logits \
            alone through plain SGEMM, in turn with the steps: a step that did nothing else would \
            reach 100% of this floor. The split of time is measured around the operations of the \
            lanes that compute the steps; what is left is norms, activations, copies and waiting.

            --vector-kernels times each vector kernel on one core, with operands in memory and in \
            the first-level cache, beside what the memory and the arithmetic of this machine allow.

            --ranks runs real jobs, mpirun with the lora-worker that lies beside this program, and \
            prints speed, memory and efficiency: strong with the same batch, weak with as many \
            samples for each rank. Nothing of them is kept.

            Examples:
              lora bench --model SmolLM2.gguf --data train.jsonl --ceiling
              lora bench --model SmolLM2.gguf --data train.jsonl --ranks 1,2 --json bench.json
            """)

    @OptionGroup(title: "The run") var given: RunSettingOptions

    @Option(
        help: ArgumentHelp(
            "Numbers of ranks to run real jobs with, e.g. 1,2,4 (default: none).",
            valueName: "numbers"))
    var ranks: String?

    @Flag(help: "Measure how fast the step's matrix products are alone.")
    var ceiling = false

    @Flag(help: "Time each vector kernel beside the bounds of memory and arithmetic.")
    var vectorKernels = false

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Steps that are computed in each round (default: 2).", valueName: "steps")
    )
    var benchSteps: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Rounds, of which medians are taken (default: 5).", valueName: "rounds"))
    var rounds: String?

    @Option(
        help: ArgumentHelp(
            "Write the results there as one JSON object; - for standard output, without the tables.",
            valueName: "file"))
    var json: String?

    func run() throws {
        try exitingOnFault {
            let line = StageLine()
            var settings = given.settings
            settings["order"] = settings["order"] ?? "sequential"
            let steps = try NumberFlag("--bench-steps", benchSteps).whole ?? 2
            let wanted = try rankNumbers()
            let benchmark = try Benchmark(
                settings: settings, configurationFile: given.config, steps: steps,
                rounds: try NumberFlag("--rounds", rounds).whole ?? 5, measuresFloor: ceiling,
                progress: line.update)
            let scaling = try wanted.map { numbers in
                let cores = ProcessInfo.processInfo.activeProcessorCount
                settings["threads"] =
                    settings["threads"] ?? "\(max(1, cores / (numbers.max() ?? 1)))"
                return try RankScaling(
                    program: try Self.worker(), settings: settings,
                    configurationFile: given.config, ranks: numbers,
                    batchSize: benchmark.batchSize, steps: max(4, 2 * steps),
                    progress: line.update)
            }
            let kernels =
                vectorKernels
                ? KernelTable.measure(
                    peakFlops: benchmark.peakOperationsPerSecond / Double(benchmark.lanes),
                    progress: { line.update("vector kernels", $0, $1) }) : nil
            line.finish()
            let report = BenchReport(benchmark: benchmark, scaling: scaling, kernels: kernels)
            if let json, json != "-" {
                try DurableFiles.writeDurably(report.json + "\n", to: json)
            }
            print(json == "-" ? report.json : report.tables)
        }
    }

    private func rankNumbers() throws(OperationsError) -> [Int]? {
        guard let ranks else { return nil }
        let numbers = ranks.split(separator: ",").compactMap { Int($0) }
        guard !numbers.isEmpty, numbers.count == ranks.split(separator: ",").count,
            numbers.allSatisfy({ (1...4096).contains($0) }), Set(numbers).count == numbers.count
        else {
            throw OperationsError(
                "--ranks", "is '\(ranks)'; it must be different numbers from 1 to 4096, as 1,2,4")
        }
        return numbers.sorted()
    }

    /// The `lora-worker` beside this program.
    private static func worker() throws(OperationsError) -> String {
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
        let folder = URL(fileURLWithPath: own ?? CommandLine.arguments[0])
            .deletingLastPathComponent().path
        let path = folder + "/lora-worker"
        guard FileManager.default.isExecutableFile(atPath: path) else {
            throw OperationsError(
                path, "is not there", hint: "--ranks needs lora-worker beside lora")
        }
        return path
    }
}
