import Foundation
import TestSupport
import Testing

/// `lora generate` with the model's chat template and with instruction templates.
@Suite(.timeLimit(.minutes(10))) struct GenerateChatTests {
    private let model = Tool.fixtures + "/tiny-llama"

    private func generated(_ tool: Tool, _ flags: [String]) throws -> String {
        let result = try tool.lora(
            ["generate", "--model", model, "--greedy", "--max-tokens", "12"] + flags)
        #expect(result.exitCode == 0, "\(result.errors)")
        return result.output
    }

    private func write(_ tool: Tool, _ name: String, _ text: String) throws -> String {
        let path = "\(tool.scratch)/\(name)"
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        return path
    }

    /// This model's tokenizer adds no begin token, so both have the one that is written.
    @Test func aChatIsThePromptThatItsTemplateRenders() throws {
        let tool = try Tool()
        defer { tool.remove() }
        let template = try write(
            tool, "t.jinja",
            "{{ bos_token }}{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
                + "{% if add_generation_prompt %}assistant:{% endif %}{{ mood }}")
        let chat = try generated(tool, ["--chat", "the river", "--chat-template", template])
        #expect(try chat == generated(tool, ["--prompt", "<|begin|>user: the river\nassistant:"]))

        let messages = try write(
            tool, "m.json",
            #"{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, "#
                + #"{"role": "user", "content": "c"}], "mood": "!"}"#)
        let more = try generated(tool, ["--messages", messages, "--chat-template", template])
        let prompt = "<|begin|>user: a\nassistant: b\nuser: c\nassistant:!"
        #expect(try more == generated(tool, ["--prompt", prompt]))
    }

    @Test func instructionsTakeAnotherTemplate() throws {
        let tool = try Tool()
        defer { tool.remove() }
        let template = try write(tool, "q.jinja", "Q: {{ prompt }}\nA:")
        let byFile = try generated(
            tool, ["--instruction", "a", "--input", "b", "--template", template])
        #expect(try byFile == generated(tool, ["--prompt", "Q: a\nb\nA:"]))
        let byName = try generated(tool, ["--instruction", "a", "--template", "gpt4all"])
        #expect(try byName == generated(tool, ["--prompt", "a\n"]))
    }

    @Test(arguments: [
        (["--chat", "x", "--prompt", "y"], "only one of them"),
        (["--prompt", "x", "--template", "plain"], "belongs to --instruction"),
        (["--prompt", "x", "--chat-template", "t"], "belongs to --chat"),
        (["--instruction", "x", "--template", "alpacca"], "alpacca"),
        (["--chat", "x"], "has no chat template"),
        (["--chat", "x", "--chat-template", "nowhere.jinja"], "nowhere.jinja"),
        (["--messages", "nowhere.json"], "nowhere.json"),
    ])
    func whatCannotBeIsNamed(_ flags: [String], _ expected: String) throws {
        let tool = try Tool()
        defer { tool.remove() }
        let result = try tool.lora(["generate", "--model", model] + flags)
        #expect(result.exitCode == 78 && result.output.isEmpty)
        #expect(result.errors.contains(expected), "\(result.errors)")
    }

    @Test(arguments: ["3", "[]", "[3]", #"[{"content": "x"}]"#, #"{"messages": {}}"#])
    func aFileThatIsNoConversationIsNamed(_ text: String) throws {
        let tool = try Tool()
        defer { tool.remove() }
        let file = try write(tool, "m.json", text)
        let result = try tool.lora(["generate", "--model", model, "--messages", file])
        #expect(result.exitCode == 78)
        #expect(result.errors.contains("m.json"), "\(result.errors)")
    }
}
