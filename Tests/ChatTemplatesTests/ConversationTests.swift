import ChatTemplates
import Faults
import JSON
import Testing

/// Messages as other programs write them, and what stands beside them.
@Suite struct ConversationTests {
    private func message(_ json: String) throws -> ChatMessage {
        let object = try #require(JSONValue(text: json))
        guard case .object(let members) = object else { throw ConversationTestError() }
        return try ChatMessage(reading: members)
    }

    private struct ConversationTestError: Error {}

    private func problem(_ json: String) -> String {
        do {
            _ = try message(json)
            return "none"
        } catch let error as ConversationProblem {
            return error.reason
        } catch {
            return "\(error)"
        }
    }

    @Test(arguments: [
        (#"{"role": "user", "content": "a"}"#, "user"),
        (#"{"from": "Human", "value": "a"}"#, "user"),
        (#"{"role": "GPT", "value": "a"}"#, "assistant"),
        (#"{"from": "model", "content": "a"}"#, "assistant"),
        (#"{"from": "BOT", "value": "a"}"#, "assistant"),
        (#"{"from": "System", "value": "a"}"#, "system"),
        (#"{"from": "observation", "value": "a"}"#, "tool"),
        (#"{"role": "Developer", "content": "a"}"#, "developer"),
        (#"{"role": "ipython", "content": "a"}"#, "ipython"),
        (#"{"value": "a", "from": "human", "role": null, "content": null}"#, "user"),
    ])
    func speakersHaveManyNames(_ json: String, _ role: String) throws {
        let message = try message(json)
        #expect(message.role == role)
        #expect(message.content == "a")
        #expect(Set(message.object.keys) == ["role", "content"])
    }

    @Test func nullCountsAsAbsentAtAnyDepth() throws {
        let message = try message(
            #"""
            {"role": "assistant", "content": "a", "name": null, "tool_calls": [
            {"id": null, "function": {"name": "f", "arguments": {"x": 1, "y": null}}}]}
            """#)
        #expect(message.object["name"] == nil)
        let calls = JSONValue(
            text: #"[{"function": {"name": "f", "arguments": {"x": 1}}}]"#)
        #expect(message.object["tool_calls"] == calls)
        let empty = try self.message(#"{"role": "user", "content": "a", "tool_calls": []}"#)
        #expect(empty.object["tool_calls"] == nil)
    }

    @Test func partsBecomeTheirTexts() throws {
        let parts = #"[{"type": "text", "text": "a ", "image_url": null}, "b", {"text": "c"}]"#
        #expect(try message(#"{"role": "user", "content": \#(parts)}"#).content == "a bc")
        let image = #"[{"type": "image_url", "image_url": {"url": "x"}}]"#
        #expect(problem(#"{"role": "user", "content": \#(image)}"#).contains("'image_url'"))
        #expect(problem(#"{"role": "tool", "content": \#(image)}"#).contains("'image_url'"))
        // What a tool gave is for the template to write.
        let result = try message(#"{"role": "tool", "content": [{"tide": 3}]}"#)
        #expect(result.content == nil && result.object["content"] != nil)
        #expect(problem(#"{"role": "user", "content": 7}"#).contains("a number as content"))
    }

    @Test(arguments: [
        ("\"weight\": 0", true), ("\"weight\": 1", false), ("\"train\": false", true),
        ("\"training\": true", false), ("\"weight\": 0.0", true), ("\"weight\": null", false),
        ("\"masked\": true", true), ("\"loss\": false", true),
    ])
    func marksSayWhatIsLearned(_ mark: String, _ isContext: Bool) throws {
        // A weight of 1 for everybody says nothing.
        #expect(throws: Never.self) {
            try self.message(#"{"role": "user", "content": "a", "weight": 1, "masked": false}"#)
        }
        let message = try message(#"{"role": "assistant", "content": "a", \#(mark)}"#)
        #expect(message.isContext == isContext)
        #expect(message.object.keys == ["role", "content"])
    }

    @Test(arguments: [
        (#"{"role": "assistant", "content": "a", "weight": 0.5}"#, "'weight'"),
        (#"{"role": "assistant", "content": "a", "weight": "0"}"#, "'weight'"),
        (#"{"role": "assistant", "content": "a", "weight": 1, "train": false}"#, "'train'"),
        (#"{"role": "assistant", "content": "a", "train_detail": []}"#, "'train_detail'"),
        (#"{"role": "user", "content": "a", "train": true}"#, "only the assistant's"),
        (#"{"role": "user", "from": "gpt", "content": "a"}"#, "another 'from'"),
        (#"{"role": "user", "content": "a", "n": 12345678901234567890}"#, "more digits"),
        (
            #"{"role": "user", "content": [{"type": "text", "text": "a", "weight": 0}]}"#,
            "a part of its content with a 'weight'"
        ),
        (#"{"role": "user", "content": null}"#, "it is null"),
        (#"{"role": "assistant"}"#, "has no content"),
        (#"{"from": "function_call", "value": "{}"}"#, "'function_call'"),
        (#"{"from": "narrator", "value": "a"}"#, "'narrator'"),
        (#"{"content": "a"}"#, "'role' or 'from'"),
        (#"{"role": "user", "content": "a", "value": "b"}"#, "another 'value'"),
        (#"{"role": "assistant", "content": "", "tool_calls": "x"}"#, "'tool_calls'"),
    ])
    func whatCannotBeUsedIsNamed(_ json: String, _ reason: String) {
        #expect(problem(json).contains(reason))
    }

    @Test func toolsComeAsListOrText() throws {
        let list = #"[{"type": "function", "function": {"name": "f", "x": null}}]"#
        var first = Conversation(messages: [])
        try first.take("tools", try #require(JSONValue(text: list)))
        #expect(
            first.variables["tools"] == JSONValue(text: list.replacing(", \"x\": null", with: "")))
        // A text was written by somebody, so its null is meant.
        var second = Conversation(messages: [])
        try second.take("tools", .text(list))
        #expect(second.variables["tools"] == JSONValue(text: list))
        for nothing in ["null", "[]", "\"\"", "\"[]\"", "{}"] {
            var empty = Conversation(messages: [])
            try empty.take("tools", try #require(JSONValue(text: nothing)))
            #expect(empty.variables.keys.isEmpty)
        }
        var broken = Conversation(messages: [])
        #expect(throws: ConversationProblem.self) { try broken.take("tools", .text("f(x)")) }
        #expect(throws: ConversationProblem.self) {
            try broken.take("chat_template_kwargs", JSONValue(text: #"{"messages": 1}"#) ?? .null)
        }
    }

    // MARK: Calls

    private static let call = #"""
        [{"type": "function", "function": {"name": "tide", "arguments": {"at": "Elm"}}}]
        """#
    private static let callAsText = #"""
        [{"type": "function", "function": {"name": "tide", "arguments": "{\"at\": \"Elm\"}"}}]
        """#

    private func learned(_ source: String, _ content: String, _ calls: String) throws -> [String] {
        let answer = try message(
            #"{"role": "assistant", "content": \#(content), "tool_calls": \#(calls)}"#)
        let found = try ChatTemplate(source: source, name: "t").turns(
            Conversation(messages: [ChatMessage(role: "user", content: "tide?"), answer]),
            which: .all, bosToken: "", eosToken: "")
        return found.flatMap { text in
            text.assistant.map { String(decoding: Array(text.text.utf8)[$0], as: UTF8.self) }
        }
    }

    /// Four ways in which templates write calls, each of which fails with another form of the data.
    @Test(arguments: [
        // Objects only.
        "<{{ m.role }}>{{ m.content }}{% for c in m.tool_calls or [] %}<call>{{ c.function.name }}"
            + "{{ c.function.arguments | tojson }}{% endfor %}<end>",
        // Texts only.
        "<{{ m.role }}>{{ m.content or '' }}{% for c in m.tool_calls or [] %}<call>"
            + "{{ c.function.name + c.function.arguments }}{% endfor %}<end>",
        // Null as a mark of calls.
        "<{{ m.role }}>{% if m.content is none %}{% for c in m.tool_calls %}<call>"
            + "{{ c.function.name }}{{ c.function.arguments | tojson }}{% endfor %}{% else %}"
            + "{{ m.content }}{% endif %}<end>",
        // Both.
        "<{{ m.role }}>{{ m.content or '' }}{% for c in m.tool_calls or [] %}<call>"
            + "{{ c.function.name }}{% if c.function.arguments is string %}"
            + "{{ c.function.arguments }}{% else %}{{ c.function.arguments | tojson }}{% endif %}"
            + "{% endfor %}<end>",
    ])
    func callsAreWrittenWhole(_ body: String) throws {
        let source = "{% for m in messages %}\(body){% endfor %}"
        for content in ["null", "\"\""] where !(content != "null" && body.contains("is none")) {
            for calls in [Self.call, Self.callAsText] {
                #expect(
                    try learned(source, content, calls) == [#"<call>tide{"at": "Elm"}<end>"#],
                    "\(content) \(calls)")
            }
        }
    }

    @Test func callsThatATemplateDoesNotWriteAreRefused() {
        let deaf = "{% for m in messages %}{{ m.content }};{% endfor %}"
        #expect(throws: ChatTemplateError.self) { try learned(deaf, "null", Self.call) }
        let half = "{% if tool_calls %}{% endif %}" + deaf
        let error = #expect(throws: ChatTemplateError.self) { try learned(half, "null", Self.call) }
        #expect(error?.problem.contains("calls") == true)
    }

    @Test func aVariableThatTheTemplateDoesNotReadIsRefused() throws {
        var conversation = Conversation(messages: [ChatMessage(role: "user", content: "a")])
        try conversation.take("tools", .array([.object(JSONObject([("name", .text("f"))]))]))
        let template = try ChatTemplate(source: "{{ messages[0].content }}", name: "t")
        let error = #expect(throws: ChatTemplateError.self) {
            try template.prompt(conversation, bosToken: "", eosToken: "")
        }
        #expect(error?.problem.contains("'tools'") == true)
    }
}
