/// How an instruction, and what it is about, becomes the prompt that a response follows.
public struct InstructionTemplate: Sendable, Equatable {
    private enum Form: Sendable {
        case alpaca(ending: String)
        case gpt4all
        case chatML
        case plain
        case file(ChatTemplate)
    }

    /// What a user calls it: a built-in name, or the path of a file.
    public let name: String
    /// Equal for templates that make the same prompts: the name, or the text of the user's file.
    public let identity: String
    private let form: Form

    private init(_ name: String, _ form: Form) {
        self.name = name
        identity = name
        self.form = form
    }

    /// Stanford Alpaca's texts, with a line feed after `### Response:`, as Alpaca-LoRA and most who
    /// came after have it. The default.
    public static let alpaca = InstructionTemplate("alpaca", .alpaca(ending: "\n"))

    /// Stanford Alpaca's own form, where the response follows `### Response:` at once.
    ///
    /// Source: tatsu-lab/stanford_alpaca, `train.py`, `PROMPT_DICT`.
    public static let alpacaWithoutNewline = InstructionTemplate(
        "alpaca-no-newline", .alpaca(ending: ""))

    /// The prompt and a line feed.
    ///
    /// Source: nomic-ai/gpt4all, `gpt4all-training/data.py`, `tokenize_inputs`.
    public static let gpt4all = InstructionTemplate("gpt4all", .gpt4all)

    /// A user's message and the beginning of an assistant's; no system message.
    ///
    /// Source: openai/openai-python 0.28, `chatml.md` (ChatML version 0).
    public static let chatML = InstructionTemplate("chatml", .chatML)

    /// The prompt as it is.
    public static let plain = InstructionTemplate("plain", .plain)

    /// The built-in templates, the default first.
    public static let builtIn = [alpaca, alpacaWithoutNewline, gpt4all, chatML, plain]

    /// A built-in template by its name, or else a user's own file.
    ///
    /// The file is a Jinja text over `instruction`, `input` (empty if there is none) and `prompt`
    /// (the instruction, and the input on a line of its own if there is one); what it renders is the
    /// prompt. As everywhere in Jinja, one line feed at the end of the file does not count.
    ///
    /// - Throws: ``ChatTemplateError`` if there is neither, or the file is no Jinja that is
    ///   supported, or renders no prompt.
    public init(nameOrFile: String) throws(ChatTemplateError) {
        if let builtIn = Self.builtIn.first(where: { $0.name == nameOrFile }) {
            self = builtIn
            return
        }
        guard TemplateFile.exists(nameOrFile) else {
            throw ChatTemplateError(
                "there is no instruction template of this name, and no such file",
                template: nameOrFile,
                hint: "There are: " + Self.builtIn.map(\.name).joined(separator: ", ")
                    + ", or the path of a Jinja text over instruction, input and prompt")
        }
        try self.init(source: TemplateFile.text(nameOrFile), name: nameOrFile)
    }

    /// A user's own template; see ``init(nameOrFile:)``.
    public init(source: String, name: String) throws(ChatTemplateError) {
        let template = try ChatTemplate(source: source, name: name)
        self.name = name
        identity = source
        form = .file(template)
        // Most mistakes show at once: a misspelt variable leaves no trace of the instruction.
        let probe = "an instruction"
        guard try prompt(instruction: probe).containsExactly(probe) else {
            throw ChatTemplateError(
                "the instruction does not appear in what the template renders", template: name,
                hint: "Write {{ instruction }} and {{ input }}, or {{ prompt }} for both")
        }
    }

    public static func == (left: InstructionTemplate, right: InstructionTemplate) -> Bool {
        left.identity == right.identity
    }

    /// What ends a response in this template, before the model's end token; empty in most.
    public var endOfResponse: String {
        if case .chatML = form { "<|im_end|>" } else { "" }
    }

    /// Fills the template in.
    ///
    /// - Parameters:
    ///   - instruction: What to do, or a whole prompt.
    ///   - input: What to do it with; empty if the instruction says all.
    /// - Returns: The text that the response follows.
    /// - Throws: ``ChatTemplateError``; only a user's own file can.
    public func prompt(
        instruction: String, input: String = ""
    ) throws(ChatTemplateError) -> String {
        let both = input.isEmpty ? instruction : instruction + "\n" + input
        switch form {
        case .alpaca(let ending):
            return Self.alpacaOpening(hasInput: !input.isEmpty)
                + "### Instruction:\n\(instruction)\n\n"
                + (input.isEmpty ? "" : "### Input:\n\(input)\n\n") + "### Response:" + ending
        case .gpt4all: return both + "\n"
        case .chatML: return "<|im_start|>user\n\(both)<|im_end|>\n<|im_start|>assistant\n"
        case .plain: return both
        case .file(let template):
            return try template.render([
                "instruction": .text(instruction), "input": .text(input), "prompt": .text(both),
            ]).text
        }
    }

    private static func alpacaOpening(hasInput: Bool) -> String {
        "Below is an instruction that describes a task"
            + (hasInput ? ", paired with an input that provides further context" : "")
            + ". Write a response that appropriately completes the request.\n\n"
    }
}
