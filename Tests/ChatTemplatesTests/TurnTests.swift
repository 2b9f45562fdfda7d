import ChatTemplates
import Faults
import Foundation
import JSON
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

    /// What is learned, of each text.
    private func samples(
        _ source: String, _ which: AssistantTurns = .all,
        _ messages: [ChatMessage] = conversation, endMarks: [String] = []
    ) throws -> [[String]] {
        let found = try ChatTemplate(source: source, name: "t.jinja").turns(
            Conversation(messages: messages), which: which, bosToken: "", eosToken: "",
            endMarks: endMarks)
        return found.map { text in
            text.assistant.map { String(decoding: Array(text.text.utf8)[$0], as: UTF8.self) }
        }
    }

    private func turns(
        _ source: String, _ which: AssistantTurns = .all,
        _ messages: [ChatMessage] = conversation
    ) throws -> [String] {
        let samples = try samples(source, which, messages)
        #expect(samples.count <= 1)
        return samples.first ?? []
    }

    @Test func turnsEndWithTheEndOfTurnToken() throws {
        #expect(try turns(Self.chatML) == ["zwölf<|im_end|>", "B<|im_end|>"])
        #expect(try turns(Self.chatML, .last) == ["B<|im_end|>"])
        #expect(
            try turns(Self.chatML, .last, Array(Self.conversation.prefix(4))) == [
                "zwölf<|im_end|>"
            ])
        #expect(try turns(Self.chatML, .all, Array(Self.conversation.prefix(2))).isEmpty)
        #expect(try turns(Self.chatML, .all, []).isEmpty)
    }

    /// Where nothing else ends a turn, the blanks do.
    @Test func aLineFeedAloneIsTheEndOfATurn() throws {
        let source =
            "{% for m in messages %}{{ m.role }}: {{ m.content | trim }}{{ '\\n\\n' }}{% endfor %}"
        let messages =
            Self.conversation.dropLast() + [
                ChatMessage(role: "assistant", content: " B \n")
            ]
        #expect(try turns(source, .all, Array(messages)) == ["zwölf\n\n", "B\n\n"])
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
        var messages = Self.conversation
        messages[2] = messages[2].asContext
        #expect(try turns(source, .all, messages) == ["B"])
    }

    @Test func whatAGenerationPromptOpensIsNoPartOfTheTurn() throws {
        let source = Self.chatML.replacingOccurrences(
            of: "{{ '<|im_start|>assistant\n' }}", with: "{{ '<|im_start|>assistant\n<think>' }}")
        #expect(try turns(source, .last) == ["B<|im_end|>"])
    }

    /// Templates write a system's message of their own where there is none; some with the first
    /// message of a conversation.
    @Test func whatTheTemplateAddsIsNeverLearned() throws {
        let source =
            "{% for m in messages %}{% if loop.first and m.role != 'system' %}"
            + "<system>Be good.<end>{% endif %}<{{ m.role }}>{{ m.content }}<end>{% endfor %}"
        let greeting = [
            ChatMessage(role: "assistant", content: "Good morning."),
            ChatMessage(role: "user", content: "Hi"),
            ChatMessage(role: "assistant", content: "Be good."),
        ]
        #expect(try turns(source, .all, greeting) == ["Good morning.<end>", "Be good.<end>"])
        #expect(try turns(source, .all, [greeting[0]]) == ["Good morning.<end>"])
        let first = "{{ messages[0].role }}|" + Self.chatML
        #expect(
            try turns(first, .all, greeting) == ["Good morning.<|im_end|>", "Be good.<|im_end|>"])
    }

    /// An empty thought that a template writes is its own; a thought in the message is not, nor what
    /// closes it.
    @Test func thoughtsAreLearnedWhereTheMessageHasThem() throws {
        let source = """
            {% for m in messages %}<{{ m.role }}>{% if m.role == 'assistant' %}<think>\
            {{ m.reasoning_content }}</think>{% endif %}{{ m.content }}<end>{% endfor %}
            """
        let user = ChatMessage(role: "user", content: "1")
        #expect(
            try turns(source, .all, [user, ChatMessage(role: "assistant", content: "A")])
                == ["A<end>"])
        let thinking = try ChatMessage(
            reading: JSONObject([
                ("role", .text("assistant")), ("reasoning_content", .text("hm")),
                ("content", .text("A")),
            ]))
        #expect(try turns(source, .all, [user, thinking]) == ["hm</think>A<end>"])
    }

    /// Reasoning models drop the thoughts of earlier turns: each answer is learned as it was given.
    @Test func aTextThatChangesGivesASampleForEachAnswer() throws {
        let source = """
            {% for m in messages %}{{ m.role }}:\
            {{ m.content if loop.last or m.role == 'user' else m.content.split('>')[-1] }};\
            {% endfor %}
            """
        let messages = [
            ChatMessage(role: "user", content: "1"),
            ChatMessage(role: "assistant", content: "<x>A"),
            ChatMessage(role: "user", content: "2"),
            ChatMessage(role: "assistant", content: "<y>B"),
            ChatMessage(role: "user", content: "3"),
            ChatMessage(role: "assistant", content: "C"),
        ]
        let found = try ChatTemplate(source: source, name: "t").turns(
            Conversation(messages: messages), which: .all, bosToken: "", eosToken: "")
        #expect(
            found.map(\.text) == [
                "user:1;assistant:<x>A;", "user:1;assistant:A;user:2;assistant:<y>B;",
                "user:1;assistant:A;user:2;assistant:B;user:3;assistant:C;",
            ])
        #expect(try samples(source, .all, messages) == [["<x>A;"], ["<y>B;"], ["C;"]])
        #expect(try samples(source, .last, messages) == [["C;"]])
        // Answers that a template does not change share one sample.
        #expect(
            try samples(source, .all, Array(messages[..<2]) + [messages[4], messages[5]])
                == [["<x>A;"], ["C;"]])
    }

    /// A template that begins the next answer by itself, or writes words of its own, ends no turn with
    /// them; one that writes the end only where the conversation goes on does end it.
    @Test func theModelsEndTokenEndsATurn() throws {
        let loop = "{% for m in messages %}<{{ m.role }}>{{ m.content }}"
        let ends = ["<end>"]
        let user = ChatMessage(role: "user", content: "1")
        let messages =
            [user, ChatMessage(role: "assistant", content: "A"), user]
            + [ChatMessage(role: "assistant", content: "B")]
        for (source, learned) in [
            (loop + "<end>\n{% endfor %}<assistant>", [["A<end>", "B<end>"]]),
            (loop + "<done><end>{% endfor %}", [["A<done><end>", "B<done><end>"]]),
            (loop + " (so be it)<end>{% endfor %}", [["A", "<end>", "B", "<end>"]]),
            (loop + "{{ '<end>' if not loop.last }}{% endfor %}", [["A<end>", "B"]]),
            (loop + "\n{% endfor %}<end>", [["A\n", "B\n<end>"]]),
        ] {
            #expect(try samples(source, .all, messages, endMarks: ends) == learned, "\(source)")
        }
        // Without knowing the token, what changes when a question follows ends no turn.
        #expect(
            try samples(loop + "<end>\n{% endfor %}<assistant>", .all, messages)
                == [["A<end>", "B<end>"]])
    }

    @Test func anAnswerThatBringsItsEndGetsNoSecondOne() throws {
        let messages = [
            ChatMessage(role: "user", content: "1"),
            ChatMessage(role: "assistant", content: "A<|im_end|>"),
        ]
        let marks = ["<|im_end|>"]
        #expect(try samples(Self.chatML, .all, messages, endMarks: marks) == [["A<|im_end|>"]])
        let bare = "{% for m in messages %}{{ m.content }};{% endfor %}"
        #expect(try samples(bare, .all, messages, endMarks: marks) == [["A<|im_end|>;"]])
    }

    @Test(arguments: [
        ("{% for m in messages %}{{ m.content }}{{ m.content }}{% endfor %}", "twice"),
        ("{% for m in messages | reverse %}{{ m.content }};{% endfor %}", "before message"),
        (
            "{% for m in messages %}{{ m.content | length if m.role == 'assistant' }}"
                + "{{ m.content }};{% endfor %}", "otherwise than it is"
        ),
        (
            "{% for m in messages %}{{ m.content.split('</t>')[-1] }};{% endfor %}",
            "leaves out a part"
        ),
    ])
    func aTemplateThatDoesMoreThanToWriteIsRefused(_ source: String, _ reason: String) {
        let messages = [
            ChatMessage(role: "user", content: "1"),
            ChatMessage(role: "assistant", content: "thought</t>answer"),
        ]
        let error = #expect(throws: ChatTemplateError.self) { try samples(source, .all, messages) }
        #expect(error?.problem.contains(reason) == true, "\(String(describing: error))")
    }

    @Test func markedMessagesAreContext() throws {
        var messages = Self.conversation
        messages[2] = messages[2].asContext
        #expect(try turns(Self.chatML, .all, messages) == ["B<|im_end|>"])
        messages[4] = messages[4].asContext
        #expect(try samples(Self.chatML, .all, messages).isEmpty)
        #expect(try samples(Self.chatML, .last, messages).isEmpty)
    }

    /// `content` of a template that knows no systems, or no tools, is lost without a word elsewhere.
    @Test func aMessageThatLeavesNoTraceIsRefused() throws {
        let source = "{% for m in messages if m.role != 'system' %}{{ m.content }};{% endfor %}"
        let error = #expect(throws: ChatTemplateError.self) { try turns(source) }
        #expect(error?.problem == "writes nothing of message 0 (system)")
        let silent = "{% for m in messages if m.role != 'assistant' %}{{ m.content }};{% endfor %}"
        let other = #expect(throws: ChatTemplateError.self) { try turns(silent) }
        #expect(other?.problem == "writes nothing of message 2 (assistant)")
    }

    @Test func aDeveloperIsTheSystemOfTemplatesThatKnowNone() throws {
        let messages = [ChatMessage(role: "developer", content: "x"), Self.conversation[1]]
        func text(_ source: String) throws -> String {
            try ChatTemplate(source: source, name: "t").prompt(
                Conversation(messages: messages), bosToken: "", eosToken: "")
        }
        let roles = "{% for m in messages %}{{ m.role }} {% endfor %}"
        #expect(try text(roles) == "system user ")
        #expect(try text("{% if 'developer' %}{% endif %}" + roles) == "developer user ")
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
