import ChatTemplates
import Faults
import Foundation
import ModelFiles
import Testing

/// Where the assistant speaks.
@Suite struct TurnTests {
    private static let conversation = [
        ChatMessage(role: "system", content: "Süß."), ChatMessage(role: "user", content: "1"),
        ChatMessage(role: "assistant", content: "zwölf"), ChatMessage(role: "user", content: "2"),
        ChatMessage(role: "assistant", content: "B"),
    ]
    private static let chatML = """
        {% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}\
        {% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}
        """

    private func turns(
        _ source: String, _ which: AssistantTurns = .all,
        _ messages: [ChatMessage] = conversation
    ) throws -> [String] {
        let found = try ChatTemplate(source: source, name: "t.jinja").turns(
            messages, which: which, bosToken: "", eosToken: "")
        return found.assistant.map {
            String(decoding: Array(found.text.utf8)[$0], as: UTF8.self)
        }
    }

    @Test func turnsEndWithTheEndOfTurnToken() throws {
        #expect(try turns(Self.chatML) == ["zwölf<|im_end|>\n", "B<|im_end|>\n"])
        #expect(try turns(Self.chatML, .last) == ["B<|im_end|>\n"])
        #expect(
            try turns(Self.chatML, .last, Array(Self.conversation.prefix(4))) == [
                "zwölf<|im_end|>\n"
            ])
        #expect(try turns(Self.chatML, .all, Array(Self.conversation.prefix(2))).isEmpty)
    }

    @Test func generationBlocksAreTheTurns() throws {
        let source = """
            {% for m in messages %}[{{ m.role }}]{% if m.role == 'assistant' %}\
            {% generation %}{{ m.content }}{% endgeneration %}{% else %}{{ m.content }}{% endif %}\
            {% endfor %}
            """
        #expect(try turns(source) == ["zwölf", "B"])
        #expect(try turns(source, .last) == ["B"])
        #expect(try ChatTemplate(source: source, name: "t").marksGeneration)
    }

    @Test func aGenerationPromptThatTheTurnDoesNotBeginWithLeavesTheHeaderInTheTurn() throws {
        let source = Self.chatML.replacingOccurrences(
            of: "{{ '<|im_start|>assistant\n' }}", with: "{{ '<|im_start|>assistant\n<think>' }}")
        #expect(
            try turns(source, .last) == ["<|im_start|>assistant\nB<|im_end|>\n"])
    }

    /// Reasoning models drop the thoughts of earlier turns.
    @Test func aTextThatChangesNamesTheMessage() throws {
        let source = """
            {% for m in messages %}{{ m.role }}:\
            {{ '<t>' if loop.last and m.role == 'assistant' }}{{ m.content }};{% endfor %}
            """
        let error = #expect(throws: ChatTemplateError.self) { try turns(source) }
        #expect(error?.problem.contains("message 3 (assistant)") == true)
        #expect(try turns(source, .last) == ["assistant:<t>B;"])
    }

    @Test func whatTheTemplateRaisesIsSaidWithItsLine() throws {
        let error = #expect(throws: ChatTemplateError.self) {
            try turns("\n{{ raise_exception('Roles must\nalternate') }}")
        }
        #expect(
            error?.description
                == "t.jinja, line 2: the template refuses the conversation, it raises: "
                + "Roles must\\nalternate")
    }

    @Test func extraVariablesAndTokensReachTheTemplate() throws {
        let template = try ChatTemplate(
            source: "{{ bos_token }}{{ eos_token is defined }}{{ tools | length }}{{ n }}",
            name: "t")
        let text = try template.render(
            [], addGenerationPrompt: false, bosToken: "<s>", eosToken: "",
            extra: JSONObject([("tools", .array([.null])), ("n", .number(2))])
        ).text
        #expect(text == "<s>False12.0")
    }

    @Test func askingForTheDateIsKnownBeforeRendering() throws {
        let template = try ChatTemplate(source: "{{ strftime_now('%Y') | length }}", name: "t")
        #expect(template.asksForTheDate)
        #expect(try !ChatTemplate(source: "x", name: "t").asksForTheDate)
        let text = try template.render(
            [], addGenerationPrompt: false, bosToken: "", eosToken: ""
        ).text
        #expect(text == "4")
    }
}
