import ArgumentParser
import CommandOptions
import Operations

/// Settings of a run that decide what it takes, by the names that lora-worker has for them.
struct RunSettingOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("Base model: a Hugging Face folder or a .gguf file.", valueName: "path"))
    var model: String?

    @Option(
        help: ArgumentHelp(
            "Training data: JSONL or a JSON array, gzip or zstd too; several files as a.jsonl=2,b.jsonl, where a sample of weight 2 comes twice an epoch.",
            valueName: "files"))
    var data: String?

    @Option(help: ArgumentHelp("Held-out data, if the run has some.", valueName: "file"))
    var evalData: String?

    @Option(
        help: ArgumentHelp(
            "Share of --data that is held out, if the run has one.", valueName: "share"))
    var heldOut: String?

    @OptionGroup var reading: DataOptions

    @Option(
        help: ArgumentHelp("run.yaml with any settings of lora-worker.", valueName: "file"))
    var config: String?

    @Option(
        help: ArgumentHelp(
            "Projections to adapt: q, k, v, o, gate, up, down, module names, or all-linear "
                + "(default: q,v).", valueName: "names"))
    var targets: String?

    @Option(
        parsing: .unconditional, help: ArgumentHelp("Rank of A and B (default: 8).", valueName: "r")
    )
    var rank: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Samples in a step, over all ranks (default: 16).", valueName: "samples")
    )
    var batchSize: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Samples computed as one unit (default: 4).", valueName: "samples"))
    var sliceSize: String?

    @Option(
        help: ArgumentHelp(
            "Whether samples of a slice share the tokens that they begin with (default: on).",
            valueName: "on|off"))
    var sharePrefixes: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Length of the run in steps.", valueName: "steps"))
    var steps: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Length of the run in passes over the data (default: 1).", valueName: "epochs"))
    var epochs: String?

    @Option(
        help: ArgumentHelp(
            "shuffled anew each epoch, or sequential (default: shuffled).", valueName: "name"))
    var order: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Decides the order of samples (default: 0).", valueName: "number"))
    var seed: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Computing threads of each rank (default: the node's cores divided by its ranks).",
            valueName: "lanes"))
    var threads: String?

    @Option(
        help: ArgumentHelp(
            "auto, baseline, avx2 or avx512 (default: the best of this machine).",
            valueName: "level"))
    var kernels: String?

    @Option(
        help: ArgumentHelp(
            "Multiply frozen weights in float32, bfloat16 or float16 (default: float32).",
            valueName: "type"))
    var compute: String?

    @Option(
        help: ArgumentHelp(
            "on: keep only each layer's input, compute layers again in the backward pass "
                + "(default: off).", valueName: "on|off"))
    var recompute: String?

    /// The settings that were given.
    var settings: [String: String] {
        let settings: [String: String?] = [
            "model": model, "data": data, "eval-data": evalData, "held-out": heldOut,
            "targets": targets.map { ModelShape.moduleNames($0) }, "rank": rank,
            "batch-size": batchSize, "slice-size": sliceSize, "share-prefixes": sharePrefixes,
            "steps": steps, "epochs": epochs, "order": order,
            "seed": seed, "threads": threads, "kernels": kernels, "compute": compute,
            "recompute": recompute,
        ]
        return settings.compactMapValues { $0 }.merging(reading.settings) { $1 }
    }
}
