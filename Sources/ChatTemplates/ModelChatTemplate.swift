public import ModelFiles

/// A model's chat template and the special tokens that it writes.
public struct ModelChatTemplate: Sendable {
    public let template: ChatTemplate
    /// Begin-of-text token as text; empty if the model names none.
    public let bosToken: String
    /// End token as text; empty if the model names none.
    public let eosToken: String
}

extension ChatTemplate {
    /// The chat template that comes with a model: `nil` if there is none.
    ///
    /// - Parameters:
    ///   - model: The model.
    ///   - name: Which of several named ones; `nil` takes `default`.
    public static func find(
        in model: BaseModel, named name: String? = nil
    ) throws(ChatTemplateError) -> ModelChatTemplate? {
        nil
    }
}
