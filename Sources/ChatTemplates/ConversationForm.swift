import JSON
import Words

/// Finds the form in which a template takes a conversation whole.
///
/// Data have the arguments of a call as an object or as a text, and a call without content has null or
/// an empty text; templates take one of each, and with the other fail, write `None`, write the
/// arguments' text as a JSON string, or leave the calls out.
struct ConversationForm {
    let template: ChatTemplate
    let conversation: Conversation
    /// Renders messages with the conversation's variables, less one if it is named.
    let render: (_ messages: [ChatMessage], _ without: String?) throws(ChatTemplateError) -> String

    /// What may not be lost without a word, where the template has no word for it.
    private static let membersWithMeaning: Set<String> = [
        "tool_calls", "function_call", "reasoning_content", "reasoning", "thinking",
    ]
    /// Members with meaning whose names templates have for variables too, so that only a rendering
    /// without them tells whether they are written.
    private static let rareMembers: Set<String> = [
        "tools", "functions", "documents", "images", "image", "audio", "audios", "video", "videos",
    ]
    private static let rareVariables: Set<String> = ["tools", "documents"]

    /// The messages as the template is to get them.
    ///
    /// - Throws: ``ChatTemplateError`` if the template reads a member or a variable nowhere that has
    ///   a meaning, leaves calls out in every form, or fails in every form.
    func messages() throws(ChatTemplateError) -> [ChatMessage] {
        try refuseUnread()
        let messages = try whole()
        try refuseUnwritten(messages)
        return messages
    }

    private func whole() throws(ChatTemplateError) -> [ChatMessage] {
        let messages = conversation.messages.map { message in
            message.role == "developer" && !template.mentions("developer")
                ? message.with("role", .text("system")) : message
        }
        guard messages.contains(where: { $0.lacksContent || !$0.calls.isEmpty }) else {
            return messages
        }
        var failure: ChatTemplateError?
        for form in forms(of: messages) {
            do throws(ChatTemplateError) {
                if try isWhole(form) { return form }
            } catch {
                failure = failure ?? error
            }
        }
        if let failure { throw failure }
        throw ChatTemplateError(
            "does not write the calls of the conversation", template: template.name,
            hint: "Leave 'tool_calls' out, or take a template that knows them (--chat-template)")
    }

    private func refuseUnread() throws(ChatTemplateError) {
        for (index, message) in conversation.messages.enumerated() {
            for key in message.object.keys
            where Self.membersWithMeaning.contains(key) && !template.mentions(key)
                && message.object[key]?.isEmpty == false
            {
                throw ChatTemplateError(
                    "does not read '\(key)', which message \(index) (\(message.role)) has",
                    template: template.name,
                    hint: "Leave the member out, or take a template that knows it (--chat-template)"
                )
            }
        }
        for name in conversation.variables.keys where !template.mentions(name) {
            throw ChatTemplateError(
                "does not read \(name.quoted), which the conversation sets",
                template: template.name,
                hint: "Leave it out, or take a template that knows it (--chat-template)")
        }
    }

    /// Refuses what changes nothing in the text though the template has a word for it.
    private func refuseUnwritten(_ messages: [ChatMessage]) throws(ChatTemplateError) {
        let variable = conversation.variables.keys.first(where: Self.rareVariables.contains)
        let member = messages.indices.lazy.compactMap { index in
            messages[index].object.keys.first(where: Self.rareMembers.contains).map { (index, $0) }
        }.first
        guard variable != nil || member != nil else { return }
        let text = try render(messages, nil)
        if let variable, try render(messages, variable) == text {
            throw unwritten("'\(variable)'")
        }
        if let (index, key) = member {
            var others = messages
            others[index] = others[index].with(key, nil)
            if try render(others, nil) == text {
                throw unwritten("'\(key)' of message \(index) (\(messages[index].role))")
            }
        }
    }

    private func unwritten(_ what: String) -> ChatTemplateError {
        ChatTemplateError(
            "does not write \(what)", template: template.name,
            hint: "Leave it out, or take a template that writes it (--chat-template)")
    }

    /// The ways to write it, the data's own first.
    private func forms(of messages: [ChatMessage]) -> [[ChatMessage]] {
        let hasTexts = messages.contains { $0.calls.contains { $0.arguments?.string != nil } }
        var forms: [[ChatMessage]] = []
        for asText in [hasTexts, !hasTexts] {
            for empty in [JSONValue.text(""), .null] {
                let form = messages.map { message in
                    let rewritten = message.withArguments(asText: asText)
                    return message.lacksContent ? rewritten.with("content", empty) : rewritten
                }
                if !forms.contains(form) { forms.append(form) }
            }
        }
        return forms
    }

    /// Whether each call leaves its name, no arguments are written as a string inside a string, and
    /// no `None` stands for a content that is missing.
    private func isWhole(_ form: [ChatMessage]) throws(ChatTemplateError) -> Bool {
        let text = try render(form, nil)
        let silent = form.map { message in
            let spoken = message.calls.isEmpty ? message : message.with("tool_calls", nil)
            return message.lacksContent ? spoken.with("content", .text("-")) : spoken
        }
        let plain = try? render(silent, nil)
        var names: [String: Int] = [:]
        for call in form.flatMap(\.calls) {
            if let name = call.name, !name.isEmpty { names[name, default: 0] += 1 }
            if let arguments = call.arguments?.string,
                text.containsExactly(JSONValue.text(arguments).compactText)
            {
                return false
            }
        }
        func count(_ part: String, _ text: String?) -> Int {
            text?.occurrences(of: part).count ?? 0
        }
        return names.allSatisfy { count($0.key, text) - count($0.key, plain) >= $0.value }
            && (!form.contains { $0.object["content"] == .null }
                || count("None", text) <= count("None", plain))
    }
}

/// A call of a tool, in one of the two shapes that are in use.
private struct ToolCall {
    var object: JSONObject

    /// The members that say what is called: those of `function`, or its own.
    private var function: JSONObject { object["function"]?.members ?? object }

    var name: String? { function["name"]?.string }
    var arguments: JSONValue? { function["arguments"] }

    func with(arguments: JSONValue) -> ToolCall {
        var inner = function
        inner.set("arguments", arguments)
        guard object["function"]?.members != nil else { return ToolCall(object: inner) }
        var outer = object
        outer.set("function", .object(inner))
        return ToolCall(object: outer)
    }
}

extension ChatMessage {
    fileprivate var calls: [ToolCall] {
        guard case .array(let list)? = object["tool_calls"] else { return [] }
        return list.compactMap { $0.members.map(ToolCall.init(object:)) }
    }

    /// Arguments that are a text become what it stands for, or the other way round.
    fileprivate func withArguments(asText: Bool) -> ChatMessage {
        guard !calls.isEmpty else { return self }
        let calls = calls.map { call in
            switch call.arguments {
            case .text(let text)? where !asText:
                guard let parsed = JSONValue(text: text), parsed.members != nil else { return call }
                return call.with(arguments: parsed)
            case .object?, .array?:
                guard asText, let arguments = call.arguments else { return call }
                return call.with(arguments: .text(arguments.compactText))
            default: return call
            }
        }
        return with("tool_calls", .array(calls.map { .object($0.object) }))
    }

    /// Whether it calls tools.
    var hasCalls: Bool { !calls.isEmpty }
}

extension JSONValue {
    /// On one line, as Python's `json.dumps` without escapes writes it.
    fileprivate var compactText: String {
        let rendering = Rendering(template: "", date: nil, values: [:])
        return (try? rendering.json(TemplateValue(self), JSONStyle())) ?? ""
    }
}
