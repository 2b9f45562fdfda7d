import ChatTemplates

/// Which keys the records of a file have.
public enum DatasetFormat: String, Sendable, CaseIterable {
    /// `instruction`, `input` (may be missing or empty) and `output`.
    case alpaca
    /// `prompt` and `completion`.
    case promptCompletion = "prompt-completion"

    /// The format whose keys `record` has.
    static func detected(in record: Record) throws(BadRecord) -> DatasetFormat {
        if record.has("instruction") || record.has("output") { return .alpaca }
        if record.has("prompt") || record.has("completion") { return .promptCompletion }
        throw BadRecord(
            "has neither 'instruction' and 'output' nor 'prompt' and 'completion'"
                + (record.keys.isEmpty ? "" : " (keys: \(record.keys))"))
    }

    /// What `record` asks and what it answers.
    func texts(of record: Record) throws(BadRecord) -> (prompt: String, response: String) {
        switch self {
        case .alpaca:
            let instruction = try record.text("instruction")
            let input = try record.optionalText("input") ?? ""
            let prompt = InstructionTemplate.alpaca.prompt(instruction: instruction, input: input)
            return (prompt, try record.text("output"))
        case .promptCompletion:
            return (try record.text("prompt"), try record.text("completion"))
        }
    }
}
