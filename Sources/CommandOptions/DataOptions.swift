public import ArgumentParser

/// The flags that say how data files become samples: the same in every program that reads them.
///
/// All values are text: they are checked where they are used, by the same code that checks run.yaml,
/// so that a wrong value ends with exit code 78 on every rank alike. Numbers are taken
/// unconditionally: -1 is a wrong value, not an unknown flag.
public struct DataOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "alpaca, dolly, prompt-completion, gpt4all, question-answer, chat, sharegpt or text (default: told from the first record).",
            valueName: "name"))
    public var format: String?

    @Option(
        help: ArgumentHelp(
            "How prompts are written: alpaca, alpaca-no-newline, gpt4all, chatml, plain, chat (the model's chat template), or a file (default: what is usual for the format).",
            valueName: "name|file"))
    public var template: String?

    @Option(
        help: ArgumentHelp(
            "For conversations: a Jinja file in the place of the model's chat template.",
            valueName: "file"))
    public var chatTemplate: String?

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "A variable for the chat template, as enable_thinking=false; may be repeated. What a conversation sets itself goes first.",
            valueName: "name=value"))
    public var templateSet: [String] = []

    @Option(
        help: ArgumentHelp(
            "The day that a chat template is told when it asks for today's, as 2026-11-24 (default: the day on which the run began).",
            valueName: "date"))
    public var templateDate: String?

    @Option(
        help: ArgumentHelp(
            "Turns of the assistant to learn in conversations: all or last (default: all).",
            valueName: "all|last"))
    public var lossOn: String?

    @Flag(
        help:
            "Leave bad lines of the data out, and count them; a file with more than nine bad ones in ten is refused (default: stop at the first)."
    )
    public var skipBadLines = false

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Tokens at which samples are cut (default: 1024, or the model's positions).",
            valueName: "tokens"))
    public var maxLength: String?

    @Option(
        help: ArgumentHelp(
            "Folder of tokenized data, shared by the ranks of a host (default: $XDG_CACHE_HOME/lora-cluster, or ~/.cache/lora-cluster).",
            valueName: "folder"))
    public var cache: String?

    public init() {}

    /// The settings that were given, by their names in run.yaml.
    public var settings: [String: String] {
        let settings: [String: String?] = [
            "format": format, "template": template, "chat-template": chatTemplate,
            "template-set": templateSet.isEmpty ? nil : templateSet.joined(separator: ","),
            "template-date": templateDate,
            "loss-on": lossOn, "skip-bad-lines": skipBadLines ? "true" : nil,
            "max-length": maxLength, "cache": cache,
        ]
        return settings.compactMapValues { $0 }
    }
}
