/// How an instruction becomes a prompt.
public struct InstructionTemplate: Sendable, Equatable {
    private let openingWithInput: String
    private let openingWithoutInput: String

    /// The template of Stanford Alpaca (Taori et al. 2023), by which most instruction data is used.
    public static let alpaca = InstructionTemplate(
        openingWithInput: "Below is an instruction that describes a task, paired with an input "
            + "that provides further context. Write a response that appropriately completes the "
            + "request.\n\n",
        openingWithoutInput: "Below is an instruction that describes a task. Write a response "
            + "that appropriately completes the request.\n\n")

    /// Fills the template in.
    ///
    /// - Parameters:
    ///   - instruction: What to do.
    ///   - input: What to do it with; empty if the instruction says all.
    /// - Returns: The text that the response follows; it ends with `### Response:` and a line feed.
    public func prompt(instruction: String, input: String = "") -> String {
        input.isEmpty
            ? openingWithoutInput + "### Instruction:\n\(instruction)\n\n### Response:\n"
            : openingWithInput
                + "### Instruction:\n\(instruction)\n\n### Input:\n\(input)\n\n### Response:\n"
    }
}
