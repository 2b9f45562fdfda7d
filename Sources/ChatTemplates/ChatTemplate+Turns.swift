import JSON

/// A conversation's text, and where the assistant speaks in it.
public struct ChatTurns: Sendable, Equatable {
    public let text: String
    /// UTF-8 byte ranges of `text`, ascending: what a model is to learn. Each begins and ends
    /// between characters.
    public let assistant: [Range<Int>]
}

/// Which turns of the assistant are asked for.
public enum AssistantTurns: Sendable {
    case all
    case last
}

extension ChatTemplate {
    /// The texts that a conversation gives to learn from, and the byte ranges of the assistant's
    /// turns.
    ///
    /// Where the template has `{% generation %}` blocks, they are the turns, as in transformers.
    /// Elsewhere a turn is what the assistant's message brings to the text, with the end of the turn:
    /// headers and whatever else a template adds by itself are none. Usually there is one text. Where
    /// the text up to an answer changes as the conversation goes on (templates that drop earlier
    /// thoughts), each such answer has a text of its own, which ends with it: what the model reads
    /// when it gives that answer.
    ///
    /// - Parameters:
    ///   - conversation: Messages that are context are no targets.
    ///   - which: All turns, or the last one only.
    ///   - bosToken: The model's begin-of-text token, as text; empty if it has none.
    ///   - eosToken: The end token.
    ///   - endMarks: Texts of all tokens at which the model stops: the first one behind a message ends
    ///     its turn. Without any, what the template writes behind it does.
    ///   - date: The day that the template is told if it asks; `nil` for the clock.
    /// - Returns: Nothing if the conversation has nothing to learn.
    /// - Throws: ``ChatTemplateError`` as ``render(_:addGenerationPrompt:bosToken:eosToken:extra:date:)``;
    ///   and naming the message or variable, if the template does not write it.
    public func turns(
        _ conversation: Conversation, which: AssistantTurns, bosToken: String, eosToken: String,
        endMarks: [String] = [], date: TemplateDate? = nil
    ) throws(ChatTemplateError) -> [ChatTurns] {
        func render(
            _ messages: [ChatMessage], without name: String?
        ) throws(ChatTemplateError) -> RenderedChat {
            try self.render(
                messages, addGenerationPrompt: false, bosToken: bosToken, eosToken: eosToken,
                extra: conversation.variables.without(name), date: date)
        }
        guard !conversation.messages.isEmpty else { return [] }
        let messages = try form(of: conversation, render).messages()
        var wanted = messages.indices.filter { messages[$0].role == "assistant" }
        if which == .last { wanted = wanted.suffix(1) }
        wanted.removeAll { messages[$0].isContext }
        let marks = Set(endMarks + [eosToken]).filter { !$0.isEmpty }.sorted()
        func found(_ messages: [ChatMessage]) throws(ChatTemplateError) -> [ChatTurns] {
            var finder = TurnFinder(self, messages, endMarks: marks) {
                (messages) throws(ChatTemplateError) in try render(messages, without: nil)
            }
            return try finder.turns(wanted)
        }
        // An answer that brings its end token gets no second one, where the template writes one.
        let bare = messages.map { $0.role == "assistant" ? $0.without(endMarks: marks) : $0 }
        if bare != messages, let turns = try? found(bare), turns.areEnded(by: marks) {
            return turns
        }
        return try found(messages)
    }

    /// What a model goes on from: the conversation, and the beginning of an answer.
    ///
    /// The parameters are those of ``turns(_:which:bosToken:eosToken:endMarks:date:)``, and calls are written
    /// as they are there.
    public func prompt(
        _ conversation: Conversation, bosToken: String, eosToken: String
    ) throws(ChatTemplateError) -> String {
        func render(
            _ messages: [ChatMessage], without name: String?
        ) throws(ChatTemplateError) -> RenderedChat {
            try self.render(
                messages, addGenerationPrompt: true, bosToken: bosToken, eosToken: eosToken,
                extra: conversation.variables.without(name))
        }
        return try render(form(of: conversation, render).messages(), without: nil).text
    }

    private func form(
        of conversation: Conversation,
        _ render: @escaping ([ChatMessage], String?) throws(ChatTemplateError) -> RenderedChat
    ) -> ConversationForm {
        ConversationForm(template: self, conversation: conversation) {
            (messages, name) throws(ChatTemplateError) in try render(messages, name).text
        }
    }
}

extension JSONObject {
    fileprivate func without(_ key: String?) -> JSONObject {
        guard let key else { return self }
        var object = self
        object.remove(key)
        return object
    }
}

extension [ChatTurns] {
    /// Whether each turn ends with an end token.
    fileprivate func areEnded(by marks: [String]) -> Bool {
        allSatisfy { sample in
            let bytes = [UInt8](sample.text.utf8)
            return sample.assistant.allSatisfy { range in
                marks.contains { bytes[range].ends(with: $0.utf8) }
            }
        }
    }
}

extension ChatMessage {
    /// Without an end token at the end of its content.
    fileprivate func without(endMarks marks: [String]) -> ChatMessage {
        guard let content, !marks.isEmpty else { return self }
        let text = content.stripped(left: false, \.isPythonSpace)
        guard let mark = marks.first(where: { text.endsExactly(with: $0) }) else { return self }
        return with(
            "content", .text(String(decoding: text.utf8.dropLast(mark.utf8.count), as: UTF8.self)))
    }
}
