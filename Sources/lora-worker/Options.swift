import ArgumentParser
import CommandOptions

// All values are text here: they are checked where they are used, by the same code that checks
// run.yaml, so that a wrong value ends with exit code 78 on every rank alike. Numbers are taken
// unconditionally: -1 is a wrong value, not an unknown flag.

struct FileOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("Base model: a Hugging Face folder or a .gguf file.", valueName: "path"))
    var model: String?

    @Option(
        help: ArgumentHelp(
            "Training data: JSONL or a JSON array, gzip or zstd too; several files as a.jsonl=2,b.jsonl, where a sample of weight 2 comes twice an epoch.",
            valueName: "files"))
    var data: String?

    @Option(
        help: ArgumentHelp(
            "Held-out data in the same formats, for the evaluation loss.", valueName: "file"))
    var evalData: String?

    @Option(
        help: ArgumentHelp(
            "Hold out this share of --data for the evaluation loss, told by each record's content, so that added rows move none (in place of --eval-data).",
            valueName: "share"))
    var heldOut: String?

    @Option(
        help: ArgumentHelp(
            "Folder of the run: adapter, checkpoints, metrics. On rank 0's host.",
            valueName: "folder"))
    var out: String?

    @OptionGroup var reading: DataOptions

    var settings: [String: String] {
        compact([
            "model": model, "data": data, "eval-data": evalData, "held-out": heldOut, "out": out,
        ]).merging(reading.settings) { $1 }
    }
}

struct AdapterOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Projections to adapt, separated by commas, or all-linear (default: q_proj,v_proj).",
            valueName: "names"))
    var targets: String?

    @Option(
        parsing: .unconditional, help: ArgumentHelp("Rank of A and B (default: 8).", valueName: "r")
    )
    var rank: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("The update counts alpha / rank (default: 16).", valueName: "number"))
    var alpha: String?

    @Option(
        help: ArgumentHelp(
            "Start from this PEFT folder; it decides rank, alpha and targets.", valueName: "folder")
    )
    var initAdapter: String?

    var settings: [String: String] {
        compact(["targets": targets, "rank": rank, "alpha": alpha, "init-adapter": initAdapter])
    }
}

struct OptimizationOptions: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Peak learning rate of AdamW (default: 2e-4).", valueName: "rate"))
    var lr: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "AdamW's decay of the mean gradient (default: 0.9).", valueName: "number"))
    var beta1: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "AdamW's decay of the mean squared gradient (default: 0.999).", valueName: "number"))
    var beta2: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("AdamW's epsilon (default: 1e-8).", valueName: "number"))
    var epsilon: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("AdamW's decoupled weight decay (default: 0).", valueName: "number"))
    var weightDecay: String?

    @Option(
        help: ArgumentHelp(
            "constant, linear or cosine, after the warm-up (default: linear).", valueName: "name"))
    var schedule: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Steps over which the rate rises from 0 (default: 0).", valueName: "steps"))
    var warmupSteps: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Largest global gradient norm; 0 turns clipping off (default: 1).", valueName: "norm"))
    var clipNorm: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Samples in a step, over all ranks (default: 16).", valueName: "samples")
    )
    var batchSize: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Samples computed as one unit; part of the result's bits (default: 4).",
            valueName: "samples"))
    var sliceSize: String?

    @Option(
        help: ArgumentHelp(
            "on: samples of a slice that begin alike compute those tokens once; part of the "
                + "result's bits (default: on).", valueName: "on|off"))
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
        help: ArgumentHelp("Decides initialisation and order (default: 0).", valueName: "number"))
    var seed: String?

    var settings: [String: String] {
        compact([
            "lr": lr, "beta1": beta1, "beta2": beta2, "epsilon": epsilon,
            "weight-decay": weightDecay, "schedule": schedule, "warmup-steps": warmupSteps,
            "clip-norm": clipNorm, "batch-size": batchSize, "slice-size": sliceSize,
            "share-prefixes": sharePrefixes, "steps": steps, "epochs": epochs, "order": order,
            "seed": seed,
        ])
    }
}

struct RunningOptions: ParsableArguments {
    @Option(help: ArgumentHelp("run.yaml with any of these settings.", valueName: "file"))
    var config: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Computing threads of each rank (default: the host's cores divided by its ranks).",
            valueName: "lanes"))
    var threads: String?

    @Option(
        help: ArgumentHelp(
            "auto, baseline, avx2 or avx512: all ranks use the same (default: the best that all have).",
            valueName: "level"))
    var kernels: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Multiply frozen weights in float32, bfloat16 or float16; the last two are faster, round more and need a processor that has them (default: float32).",
            valueName: "type"))
    var compute: String?

    @Option(
        help: ArgumentHelp(
            "on: keep only each layer's input and compute the layer again in the backward pass: "
                + "less memory for long samples, the same bits (default: off).",
            valueName: "on|off"))
    var recompute: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Steps between evaluations (default: at the start and at the end).", valueName: "steps")
    )
    var evalEvery: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Steps between checkpoints (default: 50).", valueName: "steps"))
    var checkpointEvery: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Hosts that hold each checkpoint, so that --out need not be shared storage (default: 2).",
            valueName: "number"))
    var checkpointCopies: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Checkpoints to keep (default: 3).", valueName: "number"))
    var keep: String?

    @Option(
        help: ArgumentHelp(
            "auto continues a run that OUT holds; never and must insist (default: auto).",
            valueName: "policy"))
    var resume: String?

    @Option(
        help: ArgumentHelp(
            "Setting that a resumed run may change, e.g. steps; may be repeated.", valueName: "name"
        ))
    var allowChange: [String] = []

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Give up ranks that do not answer for so long; not less than the slowest step takes (default: ten times what was seen, at least 60).",
            valueName: "seconds"))
    var collectiveTimeout: String?

    var settings: [String: String] {
        compact([
            "threads": threads, "kernels": kernels, "compute": compute,
            "recompute": recompute, "eval-every": evalEvery,
            "checkpoint-every": checkpointEvery,
            "checkpoint-copies": checkpointCopies, "keep": keep, "resume": resume,
            "allow-change": allowChange.isEmpty ? nil : allowChange.joined(separator: ","),
            "collective-timeout": collectiveTimeout,
        ])
    }
}

/// The settings that were given.
private func compact(_ settings: [String: String?]) -> [String: String] {
    settings.compactMapValues { $0 }
}
