import ArgumentParser
import ChatTemplates
import Foundation
import Generation
import JSON
import ModelFiles
import RunSettings
import Training

/// The flags that say what a model goes on from.
struct PromptOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Text to go on from; - reads standard input.", valueName: "text"))
    var prompt: String?

    @Option(
        help: ArgumentHelp(
            "Instruction, put into the template; - reads standard input.", valueName: "text"))
    var instruction: String?

    @Option(help: ArgumentHelp("What the instruction is about.", valueName: "text"))
    var input: String?

    @Option(
        help: ArgumentHelp(
            "For --instruction: alpaca, alpaca-no-newline, gpt4all, chatml, plain, or a file with a "
                + "Jinja text over instruction, input and prompt (default: alpaca).",
            valueName: "name"))
    var template: String?

    @Option(
        help: ArgumentHelp(
            "A user's message, put into the model's chat template; - reads standard input.",
            valueName: "text"))
    var chat: String?

    @Option(
        help: ArgumentHelp(
            "JSON file with a conversation to go on with: a list of messages, or an object with "
                + "messages and further variables of the template, such as tools.",
            valueName: "file"))
    var messages: String?

    @Option(
        help: ArgumentHelp(
            "For --chat and --messages: a Jinja file in the place of the model's chat template.",
            valueName: "file"))
    var chatTemplate: String?

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "For --chat and --messages: a variable for the chat template, as "
                + "enable_thinking=false; may be repeated.",
            valueName: "name=value"))
    var templateSet: [String] = []

    private var variables: JSONObject {
        get throws {
            try TemplateVariables(
                templateSet.joined(separator: ","), flag: "--template-set"
            ).values
        }
    }

    /// What the flags ask for, before there is a model.
    var request: PromptRequest {
        get throws {
            try refuseIdleFlags()
            switch (prompt, instruction, chat, messages) {
            case (let prompt?, nil, nil, nil):
                return .text(try readingDash(prompt, "--prompt"))
            case (nil, let instruction?, nil, nil):
                let template = try template.map { try InstructionTemplate(nameOrFile: $0) }
                return .text(
                    try (template ?? .alpaca).prompt(
                        instruction: try readingDash(instruction, "--instruction"),
                        input: input ?? ""))
            case (nil, nil, let chat?, nil):
                let message = ChatMessage(
                    role: "user", content: try readingDash(chat, "--chat"))
                return .chat(
                    Conversation(messages: [message]), templateFile: chatTemplate,
                    variables: try variables)
            case (nil, nil, nil, let file?):
                return .chat(
                    try Conversation(file: file), templateFile: chatTemplate,
                    variables: try variables)
            default:
                throw GenerationError(
                    "--prompt",
                    "or --instruction, --chat or --messages must be given, and only one of them",
                    hint: "See lora generate --help")
            }
        }
    }

    private func refuseIdleFlags() throws {
        for (flag, value) in [("--input", input), ("--template", template)]
        where value != nil && instruction == nil {
            throw GenerationError(
                flag, "belongs to --instruction",
                hint: flag == "--input"
                    ? "Put it into --prompt" : "For a model's chat template give --chat-template")
        }
        if chatTemplate != nil, chat == nil, messages == nil {
            throw GenerationError("--chat-template", "belongs to --chat or --messages")
        }
        if !templateSet.isEmpty, chat == nil, messages == nil {
            throw GenerationError("--template-set", "belongs to --chat or --messages")
        }
    }

    private func readingDash(_ text: String, _ flag: String) throws -> String {
        guard text == "-" else { return text }
        let data = try FileHandle.standardInput.readToEnd() ?? Data()
        guard let text = String(data: data, encoding: .utf8) else {
            throw GenerationError(flag, "standard input is not valid UTF-8")
        }
        return text
    }
}

/// What a model goes on from.
enum PromptRequest {
    case text(String)
    case chat(Conversation, templateFile: String?, variables: JSONObject)

    /// Whether a chat template makes the text, begin token included.
    var isChat: Bool {
        if case .chat = self { true } else { false }
    }

    /// The prompt as the model gets it.
    func text(for model: BaseModel) throws -> String {
        switch self {
        case .text(let text): return text
        case .chat(let conversation, let templateFile, let variables):
            let own = try ChatTemplate.find(
                in: model, replacedBy: templateFile.map { try ChatTemplate(file: $0) })
            let tools =
                templateFile == nil && conversation.variables["tools"] != nil
                ? ChatTemplate.findForTools(in: model) : nil
            guard let own = tools ?? own else {
                throw GenerationError(
                    model.path, "has no chat template",
                    hint: "Give one as --chat-template, or use --prompt or --instruction")
            }
            return try own.template.prompt(
                conversation.with(defaults: variables), bosToken: own.bosToken,
                eosToken: own.eosToken)
        }
    }
}

extension Conversation {
    /// Reads a list of messages, or an object with `messages` and other variables.
    init(file: String) throws {
        var list = try JSONValue.read(path: file)
        var beside = JSONObject([])
        if case .object(let object) = list {
            list = object["messages"] ?? .null
            beside = object
            beside.remove("messages")
        }
        guard case .array(let items) = list, !items.isEmpty else {
            throw GenerationError(
                file, "must hold a list of messages, or an object with one under 'messages'")
        }
        do throws(ConversationProblem) {
            try self.init(reading: items, noun: "message")
            for key in beside.keys {
                try takeBeside(key, beside[key] ?? .null)
            }
        } catch {
            throw GenerationError(file, error.reason)
        }
    }

    private mutating func takeBeside(
        _ key: String, _ value: JSONValue
    ) throws(ConversationProblem) {
        switch key {
        case "tools", "documents", "chat_template_kwargs": try take(key, value)
        default: try set(key, value, from: "'\(key)'")
        }
    }
}
