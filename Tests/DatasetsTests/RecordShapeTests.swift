import ChatTemplates
import Datasets
import Foundation
import JSON
import ModelFiles
import Slices
import Testing
import Tokenization

/// Shapes in which other programs write records, and the members that decide what is learned.
@Suite struct RecordShapeTests {
    private static let template = """
        {% if tools %}<tools>{{ tools | tojson }}\n{% endif %}{% if thinks is false %}<calm>{% endif %}\
        {% for m in messages %}{{ '<' + m.role + '>' + m.content }}\
        {% for c in m.tool_calls or [] %}<call>{{ c.function.name }}{% endfor %}\
        {{ '<|im_end|>' }}{% endfor %}
        """

    /// Samples with what is learned between brackets.
    private func shown(
        _ lines: String, template: String? = nil,
        _ change: (inout SampleRecipe) throws -> Void = { _ in }
    ) throws -> (samples: [String], summary: DatasetSummary) {
        let tokenizer = try DataFile.tokenizer()
        let source = template ?? Self.template
        var recipe = SampleRecipe(
            tokenizer: tokenizer, chatTemplate: try ModelChatTemplate(source: source),
            maxLength: 500)
        try change(&recipe)
        let path = FileManager.default.temporaryDirectory
            .appendingPathComponent("shape-\(UUID().uuidString).jsonl")
        try Data(lines.utf8).write(to: path)
        defer { try? FileManager.default.removeItem(at: path) }
        let dataset = try loadDataset(path: path.path, recipe: recipe, cache: nil)
        let samples = (0..<dataset.samples.count).map { index in
            var text = ""
            var wasTarget = false
            for (token, isTarget) in zip(
                dataset.samples.tokens(index), dataset.samples.targetMarks(index))
            {
                if isTarget != wasTarget { text += isTarget ? "[" : "]" }
                wasTarget = isTarget
                text += tokenizer.decode([token], skipSpecial: false)
            }
            return text + (wasTarget ? "]" : "")
        }
        return (samples, dataset.summary)
    }

    private func refusal(_ lines: String) -> String {
        do {
            return "none: \(try shown(lines).samples)"
        } catch {
            return "\(error)"
        }
    }

    private let asked = "<user>a<|im_end|>"
    private let answer = "<assistant>[b<|im_end|>]"

    @Test(arguments: [
        #"{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}"#,
        #"{"messages": [{"from": "Human", "value": "a"}, {"from": "GPT", "value": "b"}]}"#,
        #"{"conversations": [{"role": "user", "content": "a"}, {"role": "model", "content": "b"}]}"#,
        #"{"conversation": [{"from": "human", "value": "a"}, {"from": "bot", "value": "b"}]}"#,
        #"{"prompt": [{"role": "user", "content": "a"}], "completion": [{"role": "assistant", "content": "b"}]}"#,
        #"{"prompt": "a", "completion": [{"role": "assistant", "content": "b"}]}"#,
        #"{"messages": "[{\"role\": \"user\", \"content\": \"a\"}, {\"role\": \"assistant\", \"content\": \"b\"}]"}"#,
        #"{"messages": [{"role": "user", "content": "a", "name": null}, {"role": "assistant", "content": [{"type": "text", "text": "b"}]}], "tools": null}"#,
    ])
    func conversationsHaveManyShapes(_ line: String) throws {
        #expect(try shown(line).samples == [asked + answer])
    }

    @Test(arguments: [
        (#"{"instruction": "a", "context": "c", "response": "b"}"#, "### Input:\nc"),
        (#"{"question": "a", "answer": "b"}"#, "a\n[b"),
        (#"{"question": "a", "context": "c", "answer": "b"}"#, "a\nc\n[b"),
        (#"{"context": "a", "response": "b"}"#, "### Instruction:\na\n\n### Response:\n[b"),
        (#"{"instruction": "a", "input": "c", "response": "b"}"#, "### Input:\nc"),
        (#"{"instruction": "a", "context": "c", "output": "b"}"#, "### Input:\nc"),
        (#"{"question": "a", "context": "c", "response": "b"}"#, "a\nc\n[b"),
        (#"{"query": "a", "response": "b"}"#, "a\n[b"),
        (#"{"problem": "a", "solution": "b"}"#, "a\n[b"),
        (#"{"instruction": "a", "output": "b", "system": "", "history": []}"#, "### Response:\n[b"),
    ])
    func exchangesHaveManyShapes(_ line: String, _ part: String) throws {
        let samples = try shown(line).samples
        #expect(samples.count == 1 && samples[0].contains(part), "\(samples)")
    }

    /// Of a prompt in messages, the assistant's are context.
    @Test func earlierAnswersOfAPromptAreContext() throws {
        let line = #"""
            {"prompt": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "x"}, {"role": "user", "content": "a"}], "completion": [{"role": "assistant", "content": "b"}]}
            """#
        #expect(try shown(line).samples == [asked + "<assistant>x<|im_end|>" + asked + answer])
    }

    @Test func systemAndHistoryAreUsed() throws {
        let line = #"""
            {"system": "s", "instruction": "a", "input": "i", "output": "b", "history": [["a", "b"]]}
            """#
        #expect(
            try shown(line).samples == [
                "<system>s<|im_end|>" + asked + answer + "<user>a\ni<|im_end|>" + answer
            ])
        let shareGPT = #"""
            {"system": "s", "conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]}
            """#
        #expect(try shown(shareGPT).samples == ["<system>s<|im_end|>" + asked + answer])
        // One file has one form: a later record may not bring what the first ones lack.
        let plain = #"{"instruction": "a", "output": "b"}"#
        let system = #"{"instruction": "a", "output": "b", "system": "s"}"#
        #expect(refusal("\(plain)\n\(system)").contains(":2: has a 'system', which an instruction"))
        #expect(try shown("\(system)\n\(plain)").samples[1] == asked + answer)
        // Empty and null ones are none.
        #expect(
            try shown(#"{"instruction": "a", "output": "b", "system": null}"#).samples[0].contains(
                "###"))
        #expect(
            try shown(plain) { _ = try $0.use(template: "chat") }.samples == [asked + answer])
    }

    @Test func toolsAndVariablesReachTheTemplate() throws {
        let messages =
            #""messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]"#
        let tools = #"{\#(messages), "tools": [{"name": "f"}]}"#
        #expect(
            try shown(tools).samples == [#"<tools>[{"name": "f"}]"# + "\n" + asked + answer])
        let calm = #"{\#(messages), "chat_template_kwargs": {"thinks": false}}"#
        #expect(try shown(calm).samples == ["<calm>" + asked + answer])
        let set = try shown("{\(messages)}") {
            try $0.use(templateVariables: .init([("thinks", .boolean(false))]))
        }
        #expect(set.samples == ["<calm>" + asked + answer])
        #expect(throws: DatasetError.self) {
            try shown("{\(messages)}") {
                try $0.use(templateVariables: .init([("think", .boolean(false))]))
            }
        }
        #expect(
            refusal(#"{\#(messages), "documents": [{"text": "d"}]}"#).contains("'documents'"))
    }

    @Test func weightsOfZeroAreContext() throws {
        let line = #"""
            {"messages": [{"role": "assistant", "content": "x", "weight": 0}, {"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "weight": 1}]}
            {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], "weight": 0}
            {"messages": []}
            {"messages": [{"role": "user", "content": "a"}]}
            {"messages": [{"role": "assistant", "content": "b", "train": false}]}
            """#
        let found = try shown(line)
        #expect(found.samples == ["<assistant>x<|im_end|>" + asked + answer])
        #expect(found.summary.withoutTarget == 4)
        #expect(
            refusal(#"{"prompt": "a", "completion": "b", "weight": 0.5}"#).contains("a 'weight'"))
    }

    @Test(arguments: ["images", "functions", "kto_tag"])
    func whatWouldMakeAnotherThingOfARecordIsRefused(_ key: String) {
        let text = refusal(#"{"prompt": "a", "completion": "b", "\#(key)": ["x"]}"#)
        #expect(text.contains(":1: has a '\(key)'"), "\(text)")
        #expect(!refusal(#"{"prompt": "a", "completion": "b", "\#(key)": null}"#).contains("has a"))
    }

    @Test func noPartOfAPromptIsPassedOver() {
        let line = #"{"instruction": "a", "question": "q", "output": "b"}"#
        #expect(refusal(line).contains("has a 'question' beside 'instruction'"))
        #expect(
            refusal(#"{"instruction": "a", "input": "i", "context": "c", "output": "b"}"#)
                .contains("has a 'context' beside"))
    }

    @Test func aBadAnswerIsNotTaught() {
        #expect(refusal(#"{"prompt": "a", "completion": "b", "label": false}"#).contains("'label'"))
    }

    @Test func whatIsNotUsedIsNamed() throws {
        let lines = #"""
            {"id": 1, "messages": [{"role": "user", "content": "a", "time": 3}, {"role": "assistant", "content": "b"}], "source": "x", "note": null}
            {"id": 2, "messages": [{"role": "assistant", "content": ""}], "url": "y"}
            """#
        let summary = try shown(lines).summary
        #expect(summary.unusedKeys == ["id", "source", "messages[].time", "url"])
        #expect(summary.emptyAnswers == 1)
    }

    @Test func aTemplateThatRewritesGivesASampleForEachAnswer() throws {
        let template = """
            {% for m in messages %}{{ m.role }}:\
            {{ m.content if loop.last else m.content.split('>')[-1] }};{% endfor %}
            """
        let line = #"""
            {"messages": [{"role": "assistant", "content": "x>y"}, {"role": "assistant", "content": "b"}]}
            """#
        let found = try shown(line, template: template)
        #expect(found.samples == ["assistant:[x>y;]", "assistant:y;assistant:[b;]"])
        #expect(found.summary.records == 1 && found.summary.splitConversations == 1)
    }

    // MARK: Marks in texts

    /// In the fixture the begin token is `<|begin|>`, the end token `<|im_end|>`.
    @Test func marksThatStandThereAreNotDoubled() throws {
        let plain = try shown(#"{"prompt": "a", "completion": "b"}"#).samples
        for (prompt, completion) in [
            ("<|begin|>a", "b"), ("a", "b<|im_end|>"),
            ("<|begin|>a", "b<|im_end|>"),
        ] {
            let line = #"{"prompt": "\#(prompt)", "completion": "\#(completion)"}"#
            #expect(try shown(line).samples == plain)
        }
        let text = try shown(#"{"text": "b a"}"#).samples
        #expect(try shown(#"{"text": "<|begin|>b a<|im_end|>"}"#).samples == text)
        #expect(try shown(#"{"text": "b a<|im_end|>\n"}"#).samples[0].hasSuffix("<|im_end|>\n]"))
        let whole = try shown(#"{"prompt": "", "completion": "b"}"#).samples
        let line = #"{"prompt": "", "completion": "<|begin|>b"}"#
        #expect(try shown(line).samples == whole)
    }
}

extension ModelChatTemplate {
    fileprivate init(source: String) throws {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("template-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try Data(source.utf8).write(to: folder.appendingPathComponent("chat_template.jinja"))
        guard let found = try ChatTemplate.find(path: folder.path) else {
            throw CocoaError(.featureUnsupported)
        }
        self = found
    }
}
