import ArgumentParser

/// The model that a command works with.
struct ModelOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("Base model: a Hugging Face folder or a .gguf file.", valueName: "path"))
    var model: String

    @Option(
        help: ArgumentHelp(
            "Adapter: a PEFT folder, a checkpoint's folder, or the folder of a finished run.",
            valueName: "folder"))
    var adapter: String?
}
