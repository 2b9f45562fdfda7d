import ArgumentParser

/// `lora inspect`: what a model, an adapter or a file of weights holds.
struct InspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Say what a model, an adapter or a file of weights holds.",
        discussion: """
            PATH is a Hugging Face model folder, a PEFT adapter folder, a .gguf file or a \
            .safetensors file. The files are checked as they are before training, so what this \
            command accepts, lora-worker can open.

            Example:
              lora inspect run1/adapter
            """)

    @Argument(help: "A model folder, an adapter folder, or one file of weights.")
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
