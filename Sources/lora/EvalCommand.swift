import ArgumentParser
import Faults
import Files
import Foundation
import JSON
import RunSettings
import SettingFlags
import Training
import Words

/// `lora eval`: the loss of a model, with or without an adapter, on held-out data.
struct EvalCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "eval",
        abstract: "Measure the loss of a model, with or without an adapter, on a data file.",
        discussion: """
            The loss is the mean negative log-likelihood, in nats, of the response tokens; prompts \
            are read but not counted. Run it once without --adapter and once with it to see what \
            training has changed. With the model, data, slice size, shared prefixes and kernels of a \
            run, the digits are those of the evaluation records in its metrics.jsonl.

            Example:
              lora eval --model SmolLM2.gguf --adapter run1 --data held-out.jsonl

            --json prints one object; --per-sample writes one a record, e.g. \
            {"index":0,"nll":58.19,"target_tokens":8}, where index counts the file's records from \
            0 and nll is the sum over the record's response tokens.
            """)

    @OptionGroup var source: ModelOptions

    @Option(
        help: ArgumentHelp(
            "JSONL or a JSON array, gzip or zstd too, as for lora-worker.", valueName: "file"))
    var data: String

    @Option(
        help: ArgumentHelp(
            "Measure only this share of the data: what lora-worker holds out with the same share.",
            valueName: "share"))
    var heldOut: String?

    @OptionGroup var given: SettingOptions<EvalSettings>

    @Flag(help: "Print one JSON object instead of a table.")
    var json = false

    @Option(help: ArgumentHelp("Write the loss of each record there.", valueName: "file.jsonl"))
    var perSample: String?

    func run() throws {
        try exitingOnFault {
            var texts = given.texts
            texts["model"] = source.model
            texts["data"] = data
            texts["held-out"] = heldOut
            let job = try EvaluationJob(
                settings: SettingValues(texts), adapter: source.adapter)
            warn(job.remarks)
            let progress = ProgressLine("evaluating", unit: "slices")
            let report = try job.run { progress.update($0, of: $1) }
            progress.finish()
            if let perSample {
                let lines = report.perSample.map { Self.line($0) + "\n" }
                try DurableFiles.writeDurably(lines.joined(), to: perSample)
            }
            print(json ? object(report) : table(report))
        }
    }

    private static func line(_ sample: EvaluationJob.SampleLoss) -> String {
        var object = JSONObject()
        object.set("index", sample.index)
        object.set("nll", sample.nll)
        object.set("target_tokens", sample.targetTokens)
        return object.line
    }

    private func object(_ report: EvaluationJob.Report) -> String {
        var object = JSONObject()
        object.set("model", source.model)
        if let adapter = source.adapter { object.set("adapter", adapter) }
        object.set("data", data)
        object.set("loss", report.loss)
        object.set("perplexity", report.perplexity)
        object.set("samples", report.samples)
        object.set("target_tokens", report.targetTokens)
        object.set("tokens", report.tokens)
        object.set("bad_lines_skipped", report.badLines)
        object.set("without_target", report.withoutTarget)
        object.set("truncated", report.truncated)
        object.set("max_length", report.maxLength)
        object.set("slice_size", report.sliceSize)
        object.set("share_prefixes", report.sharesPrefixes ? "on" : "off")
        object.set("kernels", report.kernels)
        object.set("seconds", report.seconds)
        return object.line
    }

    private func table(_ report: EvaluationJob.Report) -> String {
        var rows = TextTable()
        rows.add(["loss", "\(report.loss) nats a target token"])
        rows.add(["perplexity", "\(report.perplexity)"])
        rows.add(["samples", "\(report.samples)"])
        rows.add(["target tokens", "\(report.targetTokens) of \(report.tokens)"])
        if report.badLines > 0 { rows.add(["bad lines", "\(report.badLines) skipped"]) }
        if report.withoutTarget > 0 {
            rows.add(["without target", "\(report.withoutTarget) records left out"])
        }
        if report.truncated > 0 {
            rows.add(["truncated", "\(report.truncated) samples at \(report.maxLength) tokens"])
        }
        return rows.alignedLeft.text
    }
}
