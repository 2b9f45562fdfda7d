public import ModelFiles

/// A conversation as the text that a model reads.
public struct RenderedChat: Sendable, Equatable {
    public let text: String
    /// UTF-8 byte ranges of `text` inside `{% generation %}` blocks, ascending; empty if the
    /// template has none.
    public let generated: [Range<Int>]
}

/// A model's chat template: a Jinja text that turns a conversation into what the model reads.
public struct ChatTemplate: Sendable {
    /// The file it came from, or file and key; for messages.
    public let name: String

    /// Parses a template.
    ///
    /// - Throws: ``ChatTemplateError`` with the line, if it is no Jinja or needs a construct that is
    ///   not supported.
    public init(source: String, name: String) throws(ChatTemplateError) {
        self.name = name
    }

    /// Whether the template marks what a model generates by `{% generation %}` blocks.
    public var marksGeneration: Bool { false }

    /// The text of a conversation.
    ///
    /// - Parameters:
    ///   - messages: The conversation.
    ///   - addGenerationPrompt: Whether the beginning of an assistant's turn follows.
    ///   - bosToken: The model's begin-of-text token, as text; empty if it has none.
    ///   - eosToken: The end token.
    ///   - extra: Further variables, such as `tools` or `enable_thinking`.
    /// - Throws: ``ChatTemplateError`` with the line: what the template itself raises, a construct
    ///   that is not supported, or a bound that a hostile template crosses.
    public func render(
        _ messages: [ChatMessage], addGenerationPrompt: Bool, bosToken: String, eosToken: String,
        extra: JSONObject = JSONObject([])
    ) throws(ChatTemplateError) -> RenderedChat {
        throw ChatTemplateError("templates are not rendered yet", template: name)
    }
}
