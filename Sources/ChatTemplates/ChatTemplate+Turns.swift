public import ModelFiles

/// A conversation's text, and where the assistant speaks in it.
public struct ChatTurns: Sendable, Equatable {
    public let text: String
    /// UTF-8 byte ranges of `text`, ascending: what a model is to learn.
    public let assistant: [Range<Int>]
}

/// Which turns of the assistant are asked for.
public enum AssistantTurns: Sendable {
    case all
    case last
}

extension ChatTemplate {
    /// The text of a whole conversation and the byte ranges of the assistant's turns.
    public func turns(
        _ messages: [ChatMessage], which: AssistantTurns, bosToken: String, eosToken: String,
        extra: JSONObject = JSONObject([])
    ) throws(ChatTemplateError) -> ChatTurns {
        throw ChatTemplateError("turns are not found yet", template: name)
    }
}
