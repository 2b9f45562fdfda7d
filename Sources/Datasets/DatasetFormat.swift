import ChatTemplates
import Faults
import ModelFiles

/// Which keys the records of a file have.
public enum DatasetFormat: String, Sendable, CaseIterable {
    /// `instruction`, `input` (may be missing or empty) and `output`.
    case alpaca
    /// `prompt` and `completion`.
    case promptCompletion = "prompt-completion"
    /// `prompt` and `response`, as in GPT4All's data.
    case gpt4all
    /// `messages`: objects with `role` and what the model's chat template reads, e.g. `content`.
    case chat
    /// `conversations`: objects with `from` and `value`.
    case shareGPT = "sharegpt"
    /// `text`, all of it a target.
    case text

    /// Names, for a message.
    public static let names = allCases.map(\.rawValue).joined(separator: ", ")

    /// The format whose keys `record` has.
    static func detected(in record: Record) throws(BadRecord) -> DatasetFormat {
        if record.has("messages") { return .chat }
        if record.has("conversations") { return .shareGPT }
        if record.has("instruction") || record.has("output") { return .alpaca }
        if record.has("prompt") && record.has("response") { return .gpt4all }
        if record.has("prompt") || record.has("completion") { return .promptCompletion }
        if record.has("text") { return .text }
        throw BadRecord(
            "has neither 'instruction' and 'output' nor 'prompt' and 'completion' nor 'prompt' and "
                + "'response' nor 'messages' nor 'conversations' nor 'text'"
                + (record.keys.isEmpty ? "" : " (keys: \(record.keys))"))
    }

    /// Whether records are conversations, which the model's chat template renders.
    public var isChat: Bool { self == .chat || self == .shareGPT }

    /// How prompts are written where no template is asked for: as those who published such data
    /// did.
    var usualTemplate: InstructionTemplate {
        switch self {
        case .alpaca: .alpaca
        case .gpt4all: .gpt4all
        default: .plain
        }
    }

    /// What `record` gives to learn from.
    func content(of record: Record) throws(BadRecord) -> RecordContent {
        switch self {
        case .alpaca:
            return .exchange(
                instruction: try record.text("instruction"),
                input: try record.optionalText("input") ?? "",
                response: try record.text("output"))
        case .promptCompletion:
            return .exchange(
                instruction: try record.text("prompt"), input: "",
                response: try record.text("completion"))
        case .gpt4all:
            return .exchange(
                instruction: try record.text("prompt"), input: "",
                response: try record.text("response"))
        case .chat: return .chat(try Self.messages(record.objects("messages")))
        case .shareGPT: return .chat(try Self.turns(record.objects("conversations")))
        case .text: return .text(try record.text("text"))
        }
    }

    private static func messages(_ objects: [JSONObject]) throws(BadRecord) -> [ChatMessage] {
        var messages: [ChatMessage] = []
        for (index, object) in objects.enumerated() {
            guard let message = ChatMessage(object) else {
                throw BadRecord("message \(index) has no 'role' that is a string")
            }
            messages.append(message)
        }
        return messages
    }

    private static let roles = [
        "human": "user", "user": "user", "gpt": "assistant", "chatgpt": "assistant",
        "assistant": "assistant", "system": "system", "tool": "tool",
    ]

    private static func turns(_ objects: [JSONObject]) throws(BadRecord) -> [ChatMessage] {
        var messages: [ChatMessage] = []
        for (index, object) in objects.enumerated() {
            guard case .text(let from)? = object["from"], case .text(let value)? = object["value"]
            else {
                throw BadRecord("turn \(index) has no 'from' and 'value' that are strings")
            }
            guard let role = roles[from] else {
                throw BadRecord(
                    "turn \(index) is from an unknown speaker; known are "
                        + roles.keys.sorted().joined(separator: ", "))
            }
            messages.append(ChatMessage(role: role, content: value))
        }
        return messages
    }
}

/// What a record gives to learn from, whatever its keys were.
enum RecordContent {
    case exchange(instruction: String, input: String, response: String)
    case chat([ChatMessage])
    case text(String)

    /// Of the texts alone, so that the same record in another file, or written with other blanks,
    /// has the same hash.
    var hash: UInt64 {
        switch self {
        case .exchange(let instruction, let input, let response):
            ContentHash.hash(texts: [instruction, input, response])
        case .text(let text): ContentHash.hash(texts: [text])
        case .chat(let messages):
            ContentHash.hash(
                texts: messages.flatMap { [$0.role, $0.content ?? "\($0.object)"] })
        }
    }
}

/// Which of the assistant's turns of a conversation are targets.
public enum TargetTurns: String, Sendable, CaseIterable {
    case all
    case last
}
