public import ModelFiles

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
    /// The text of a whole conversation and the byte ranges of the assistant's turns.
    ///
    /// Where the template has `{% generation %}` blocks, they are the turns. Elsewhere the text is
    /// rendered up to each turn, with the generation prompt, and through it: what the second has
    /// more than the first is the turn, end-of-turn token included. A template whose generation
    /// prompt is not how the turn then begins (it opens a thought that the turn does not have) has
    /// the whole turn as range, header included: that way no text is asked of the model that does
    /// not stand there.
    ///
    /// - Parameters:
    ///   - messages: The conversation; with `which == .last` an assistant's message ends it.
    ///   - which: All turns, or the last one only.
    ///   - bosToken: The model's begin-of-text token, as text; empty if it has none.
    ///   - eosToken: The end token.
    ///   - extra: Further variables.
    /// - Throws: ``ChatTemplateError`` as ``render(_:addGenerationPrompt:bosToken:eosToken:extra:)``,
    ///   and naming the message, if the text up to it changes when the conversation goes on: such
    ///   templates (they drop earlier thoughts) can be trained on the last turn only.
    public func turns(
        _ messages: [ChatMessage], which: AssistantTurns, bosToken: String, eosToken: String,
        extra: JSONObject = JSONObject([]), date: TemplateDate? = nil
    ) throws(ChatTemplateError) -> ChatTurns {
        func rendered(
            through count: Int, prompting: Bool = false
        ) throws(ChatTemplateError) -> RenderedChat {
            try render(
                Array(messages[..<count]), addGenerationPrompt: prompting, bosToken: bosToken,
                eosToken: eosToken, extra: extra, date: date)
        }
        let whole = try rendered(through: messages.count)
        if marksGeneration {
            let ranges = which == .all ? whole.generated : Array(whole.generated.suffix(1))
            return ChatTurns(text: whole.text, assistant: ranges.filter { !$0.isEmpty })
        }
        var spoken = messages.indices.filter { messages[$0].role == "assistant" }
        if which == .last { spoken = spoken.suffix(1) }
        var ranges: [Range<Int>] = []
        for index in spoken {
            let through = index + 1 == messages.count ? whole : try rendered(through: index + 1)
            guard whole.text.beginsExactly(with: through.text) else { throw changed(index) }
            let prompt = try rendered(through: index, prompting: true).text
            var start = prompt.utf8.count
            if !through.text.beginsExactly(with: prompt) {
                let before = try rendered(through: index).text
                guard through.text.beginsExactly(with: before) else { throw changed(index) }
                start = before.utf8.count
            }
            ranges.append(start..<through.text.utf8.count)
        }
        return ChatTurns(text: whole.text, assistant: ranges.filter { !$0.isEmpty })
    }

    private func changed(_ index: Int) -> ChatTemplateError {
        ChatTemplateError(
            "the text up to message \(index + 1) (assistant) changes when the conversation goes on, "
                + "so where that turn stands cannot be told",
            template: name,
            hint: "Train on the last turn only, or use a template with {% generation %} blocks")
    }
}
