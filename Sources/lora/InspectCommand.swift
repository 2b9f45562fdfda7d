import ArgumentParser

/// `lora inspect`: what a model, an adapter, a checkpoint or a run holds.
struct InspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Say what a model, an adapter, a checkpoint or a run holds.",
        discussion: """
            PATH is a Hugging Face model folder, a PEFT adapter folder, a checkpoint, the folder of \
            a run, a .gguf file or a .safetensors file. The files are checked as they are before training, so what this \
            command accepts, lora-worker can open.

            Examples:
              lora inspect SmolLM2.gguf
              lora inspect run1
              lora inspect run1/checkpoints/step-00000050
            """)

    @Argument(help: "A folder or file of one of these kinds.")
    var path: String

    func run() throws {
        try exitingOnFault {
            let inspection = try Inspection(path: path)
            let indent = (inspection.lines.map(\.label.count).max() ?? 0) + 2
            for (label, text) in inspection.lines {
                let rows = text.split(separator: "\n", omittingEmptySubsequences: false)
                for (index, row) in rows.enumerated() {
                    let head = index == 0 ? label : ""
                    print(head + String(repeating: " ", count: indent - head.count) + row)
                }
            }
        }
    }
}
