import ChatTemplates
import Faults
import JSON

/// Which keys the records of a file have.
public enum DatasetFormat: String, Sendable, CaseIterable {
    /// `instruction`, `input` (may be missing or empty) and `output`.
    case alpaca
    /// `instruction`, `context` (may be missing or empty) and `response`.
    case dolly
    /// `prompt` and `completion`: texts, or lists of messages.
    case promptCompletion = "prompt-completion"
    /// `prompt` and `response`, as in GPT4All's data.
    case gpt4all
    /// `question`, `context` (may be missing or empty) and `answer`, or another pair of
    /// ``questionKeys``.
    case questionAnswer = "question-answer"
    /// `messages`: what the model's chat template reads, e.g. `role` and `content`.
    case chat
    /// `conversations`: objects with `from` and `value`, or as those of ``chat``.
    case shareGPT = "sharegpt"
    /// `text`, all of it a target.
    case text

    /// Names, for a message.
    public static let names = allCases.map(\.rawValue).joined(separator: ", ")

    /// The format whose keys `record` has.
    static func detected(in record: Record) throws(BadRecord) -> DatasetFormat {
        func has(_ keys: String...) -> Bool { keys.allSatisfy { record.has($0) } }
        if has("messages") { return .chat }
        if has("conversations") || has("conversation") { return .shareGPT }
        if has("instruction", "response"), !has("output") { return .dolly }
        if has("instruction") || has("output") { return .alpaca }
        if questionKeys.contains(where: { has($0.question, $0.answer) }) { return .questionAnswer }
        if has("context", "response"), !has("prompt") { return .dolly }
        if has("prompt", "response") { return .gpt4all }
        if has("prompt") || has("completion") { return .promptCompletion }
        if has("text") { return .text }
        throw BadRecord(
            "has neither 'instruction' and 'output' nor 'prompt' and 'completion' nor 'prompt' and "
                + "'response' nor 'question' and 'answer' nor 'messages' nor 'conversations' nor "
                + "'text'" + (record.keys.isEmpty ? "" : " (keys: \(record.shownKeys))"))
    }

    /// Names under which questions and answers are published (GSM8K, OpenOrca, MetaMathQA, MATH,
    /// FLAN).
    private static let questionKeys: [(question: String, answer: String)] = [
        ("question", "answer"), ("question", "response"), ("query", "response"),
        ("query", "answer"), ("problem", "solution"), ("problem", "answer"),
        ("inputs", "targets"), ("prompt", "answer"),
    ]

    /// Keys that would be a part of the prompt, and may not be passed over.
    private static let promptKeys = ["instruction", "input", "context", "question", "query"]

    /// Whether records are conversations.
    var holdsConversations: Bool { self == .chat || self == .shareGPT }

    /// How prompts are written where no template is asked for: as those who published such data
    /// did. Source of `question-answer`: openai/grade-school-math, whose questions end with a line
    /// feed.
    var usualTemplate: InstructionTemplate {
        switch self {
        case .alpaca, .dolly: .alpaca
        case .gpt4all, .questionAnswer: .gpt4all
        case .promptCompletion, .chat, .shareGPT, .text: .plain
        }
    }

    /// The keys of what is asked, of what it is about, and of the answer.
    ///
    /// - Parameter record: Whose keys are asked for, where there are several.
    private func exchangeKeys(
        of record: Record
    ) -> (instruction: String, input: String?, response: String)? {
        func about(_ keys: [String]) -> String { keys.first { record.has($0) } ?? keys[0] }
        switch self {
        case .alpaca: return ("instruction", about(["input", "context"]), "output")
        case .dolly:
            return record.has("instruction")
                ? ("instruction", about(["context", "input"]), "response")
                : ("context", nil, "response")
        case .promptCompletion: return ("prompt", nil, "completion")
        case .gpt4all: return ("prompt", nil, "response")
        case .questionAnswer:
            let keys =
                Self.questionKeys.first(where: {
                    record.has($0.question) && record.has($0.answer)
                })
                ?? Self.questionKeys[0]
            return (keys.question, about(["context", "input"]), keys.answer)
        case .chat, .shareGPT, .text: return nil
        }
    }

    /// Keys that are read; `asChat` for records that the model's chat template renders.
    func keysRead(of record: Record, asChat: Bool) -> Set<String> {
        var keys: Set<String> = [Record.weightKey]
        switch self {
        case .chat: keys.insert("messages")
        case .shareGPT: keys.formUnion(["conversations", "conversation"])
        case .text: keys.insert("text")
        default:
            guard let own = exchangeKeys(of: record) else { break }
            keys.formUnion([own.instruction, own.response] + [own.input].compactMap { $0 })
        }
        return asChat ? keys.union(Record.keysOfConversations) : keys
    }

    /// Whether `record`, the first of its file, needs the model's chat template.
    func needsChatTemplate(_ record: Record) -> Bool {
        guard let keys = exchangeKeys(of: record) else { return holdsConversations }
        return record.isList(keys.instruction) || record.isList(keys.response)
            || Record.keysOfConversations.contains { record[$0].map { !$0.isEmpty } ?? false }
    }

    /// What `record` gives to learn from.
    ///
    /// - Parameter asChat: Whether the model's chat template renders the file's records.
    func content(of record: Record, asChat: Bool) throws(BadRecord) -> RecordContent {
        if self != .text { try record.refuseWhatCannotBeUsed() }
        switch self {
        case .chat: return .chat(try record.conversation("messages", noun: "message"))
        case .shareGPT:
            let key = record.has("conversations") ? "conversations" : "conversation"
            return .chat(try record.conversation(key, noun: "turn"))
        case .text: return .text(try record.text("text"))
        default: break
        }
        guard let keys = exchangeKeys(of: record) else { throw BadRecord("has no known keys") }
        let content: RecordContent
        if asChat {
            content = .chat(
                try record.conversation(
                    asking: keys.instruction, about: keys.input, answer: keys.response))
        } else {
            try record.refuseKeysOfConversations()
            content = .exchange(
                instruction: try record.text(keys.instruction),
                input: try keys.input.map { (key) throws(BadRecord) in
                    try record.optionalText(key) ?? ""
                } ?? "",
                response: try record.text(keys.response))
        }
        let read = [keys.instruction, keys.input, keys.response]
        if let key = Self.promptKeys.first(where: { key in
            !read.contains(key) && record[key].map { !$0.isEmpty } ?? false
        }) {
            throw BadRecord(
                "has a '\(key)' beside '\(keys.instruction)' and '\(keys.response)', and it is not "
                    + "told which of them the prompt is; take one of them out")
        }
        return content
    }
}

/// What a record gives to learn from, whatever its keys were.
enum RecordContent {
    case exchange(instruction: String, input: String, response: String)
    case chat(Conversation)
    case text(String)

    /// Of the texts alone, so that the same record in another file, or written with other blanks,
    /// has the same hash.
    var hash: UInt64 {
        switch self {
        case .exchange(let instruction, let input, let response):
            return ContentHash.hash(texts: [instruction, input, response])
        case .text(let text): return ContentHash.hash(texts: [text])
        case .chat(let conversation):
            var texts: [String] = []
            for message in conversation.messages {
                texts.append(message.role)
                if message.object["tool_calls"] == nil, let content = message.content {
                    texts.append(content)
                } else {
                    texts.append(JSONValue.object(message.object).text)
                }
            }
            let variables = conversation.variables
            if !variables.keys.isEmpty { texts.append(JSONValue.object(variables).text) }
            return ContentHash.hash(texts: texts)
        }
    }

    /// Whether an answer that is to be learned says nothing.
    var hasEmptyAnswer: Bool {
        switch self {
        case .exchange(_, _, let response): response.isEmpty
        case .text: false
        case .chat(let conversation):
            conversation.messages.contains {
                $0.role == "assistant" && !$0.isContext && $0.content == ""
                    && $0.object["tool_calls"] == nil
            }
        }
    }
}

extension JSONValue {
    /// The value as JSON text.
    fileprivate var text: String { String(decoding: encoded(), as: UTF8.self) }
}

/// Which of the assistant's turns of a conversation are targets.
public enum TargetTurns: String, Sendable, CaseIterable {
    case all
    case last
}
