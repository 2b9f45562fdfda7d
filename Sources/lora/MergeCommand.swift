import Adapters
import ArgumentParser
import Faults
import ModelFiles
import Tensors
import Words

/// `lora merge`: a model with an adapter added to its weights.
struct MergeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "merge",
        abstract: "Add an adapter to its base model's weights, as a new Hugging Face folder.",
        discussion: """
            Every adapted weight becomes W + (alpha / rank) · B · A; the folder then needs no \
            adapter and loads wherever the base model does. The base model is not changed. What \
            else belongs to the model is copied: tokenizer, templates, generation_config.json, \
            code, licence; not its README. From a GGUF file, config.json, tokenizer.json and \
            tokenizer_config.json are written.

            Example:
              lora merge --model SmolLM2.gguf --adapter run1 --out smollm2-tuned

            In float32, the default, the merged model gives the loss of base and adapter to five \
            digits and more; bfloat16 and float16 take half the space and round every weight. A \
            merge that is killed leaves nothing at OUT, only a hidden folder .NAME.merging-… \
            beside it, which can be removed.
            """)

    @Option(
        help: ArgumentHelp("Base model: a Hugging Face folder or a .gguf file.", valueName: "path"))
    var model: String

    @Option(
        help: ArgumentHelp(
            "Adapter: a PEFT folder, a checkpoint's folder, or the folder of a finished run.",
            valueName: "folder"))
    var adapter: String

    @Option(help: ArgumentHelp("Folder to write: new, or empty.", valueName: "folder"))
    var out: String

    @Option(
        help: ArgumentHelp(
            "Type of the weights: float32, bfloat16 or float16 (default: float32).",
            valueName: "type"))
    var dtype: String?

    private static let types: [String: BlockFormat] = [
        "float32": .float32, "bfloat16": .bfloat16, "float16": .float16,
    ]

    func run() throws {
        try exitingOnFault {
            guard let type = Self.types[dtype ?? "float32"] else {
                throw AdapterError(
                    "--dtype", "is '\(dtype ?? "")'; choose among float32, bfloat16, float16")
            }
            let base = try BaseModel.open(path: model)
            let pairs = try PEFTAdapter(
                folder: try PEFTAdapter.folder(at: adapter), model: base.configuration)
            warn(base.remarks + pairs.remarks)
            let folder = MergedModelFolder(
                model: base, adapter: pairs.parameters, format: type)
            let progress = ProgressLine("merging", unit: "tensors")
            let summary = try folder.write(to: out) { progress.update($0, of: $1) }
            progress.finish()
            let size = summary.weightBytes.grouped
            print("\(out): \(summary.tensors) tensors, \(size) bytes of \(dtype ?? "float32")")
            print("files: \(summary.files.joined(separator: ", "))")
            if !summary.leftOut.isEmpty {
                let names = summary.leftOut.map(\.printable).joined(separator: ", ")
                print("not copied from \(model): \(names)")
            }
        }
    }
}
