import ChatTemplates
import Faults
import Foundation
import ModelFiles
import Testing

/// Where models keep their templates.
@Suite struct ModelChatTemplateTests {
    /// What the template found in a folder with these files renders.
    private func found(in files: [String: String], named name: String? = nil) throws -> String? {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("chat-template-tests-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        for (name, text) in files {
            let url = URL(fileURLWithPath: folder).appendingPathComponent(name)
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: url)
        }
        return try rendered(ChatTemplate.find(path: folder, named: name))
    }

    private func rendered(_ found: ModelChatTemplate?) throws -> String? {
        try found.map {
            try $0.template.render(
                [], addGenerationPrompt: false, bosToken: $0.bosToken, eosToken: $0.eosToken
            ).text
        }
    }

    @Test func aFolderKeepsItInOneOfFourPlaces() throws {
        let tokens = #""bos_token": {"content": "<s>"}, "eos_token": "</s>""#
        var files = ["tokenizer_config.json": "{\(tokens)}"]
        #expect(try found(in: files) == nil)
        files["tokenizer_config.json"] =
            #"{"chat_template": "1{{ bos_token }}{{ eos_token }}", \#(tokens)}"#
        #expect(try found(in: files) == "1<s></s>")
        files["chat_template.json"] = #"{"chat_template": "2{{ bos_token }}"}"#
        #expect(try found(in: files) == "2<s>")
        files["chat_template.jinja"] = "3{{ eos_token }}\n"
        files["additional_chat_templates/rag.jinja"] = "4"
        #expect(try found(in: files) == "3</s>")
        #expect(try found(in: files, named: "rag") == "4")
    }

    /// As transformers 5.24: the template has every token with a role as a variable.
    @Test func tokensComeFromTheFilesThatTransformersReads() throws {
        let template = "{{ bos_token }}|{{ eos_token }}|{{ pad_token }}|{{ image_token }}"
        var files = [
            "chat_template.jinja": template,
            "tokenizer_config.json": #"{"eos_token": "a", "image_token": "i"}"#,
            "special_tokens_map.json": #"{"eos_token": {"content": "b"}, "pad_token": "p"}"#,
        ]
        #expect(try found(in: files) == "|b|p|i")
        // The map is not read beside a list.
        files["tokenizer_config.json"] = #"{"eos_token": "a", "added_tokens_decoder": {}}"#
        #expect(try found(in: files) == "|a||")
        files["special_tokens_map.json"] = nil
        files["tokenizer_config.json"] = #"{"tokenizer_class": "GemmaTokenizer"}"#
        #expect(try found(in: files) == "<bos>|<eos>|<pad>|")
        files["tokenizer_config.json"] = #"{"eos_token": 7}"#
        #expect(throws: ChatTemplateError.self) { try found(in: files) }
    }

    @Test func namedTemplatesAreTakenByName() throws {
        let list = """
            {"chat_template": [{"name": "default", "template": "d"},
             {"name": "tool_use", "template": "t"}]}
            """
        let files = ["tokenizer_config.json": list]
        #expect(try found(in: files) == "d")
        #expect(try found(in: files, named: "tool_use") == "t")
        let error = #expect(throws: ChatTemplateError.self) {
            try found(in: files, named: "rag")
        }
        #expect(error?.description.contains("'rag'") == true)
        #expect(error?.hint == "There are: 'default', 'tool_use'")
    }

    @Test func aGGUFFileKeepsItInItsMetadata() throws {
        let metadata: [String: GGUFValue] = [
            "tokenizer.chat_template": .text("d{{ bos_token }}{{ eos_token }}"),
            "tokenizer.chat_template.tool_use": .text("t"),
            "tokenizer.ggml.tokens": .texts(["a", "<s>", "</s>"]),
            "tokenizer.ggml.bos_token_id": .integer(1),
            "tokenizer.ggml.eos_token_id": .integer(2),
        ]
        #expect(
            try rendered(ChatTemplate.find(path: "m.gguf", ggufMetadata: metadata)) == "d<s></s>")
        #expect(
            try rendered(
                ChatTemplate.find(path: "m.gguf", ggufMetadata: metadata, named: "tool_use"))
                == "t")
        #expect(try ChatTemplate.find(path: "m.gguf", ggufMetadata: [:]) == nil)
        #expect(throws: ChatTemplateError.self) {
            try ChatTemplate.find(path: "m.gguf", ggufMetadata: metadata, named: "x")
        }
        // A token that is no token of the vocabulary is none.
        let odd = metadata.merging(["tokenizer.ggml.bos_token_id": .integer(-1)]) { $1 }
        #expect(try ChatTemplate.find(path: "m.gguf", ggufMetadata: odd)?.bosToken.isEmpty == true)
    }

    @Test(arguments: [
        ("tokenizer_config.json", "{", "line 1"),
        ("tokenizer_config.json", #"{"chat_template": 3}"#, "must be a text"),
        ("tokenizer_config.json", #"{"chat_template": [{"name": "a"}]}"#, "must be a text"),
        ("chat_template.jinja", "a\n{% if %}", "chat_template.jinja, line 2"),
        ("chat_template.json", "[]", "one JSON object"),
    ])
    func aBrokenFileIsNamed(_ file: String, _ text: String, _ expected: String) throws {
        let error = #expect(throws: ChatTemplateError.self) { try found(in: [file: text]) }
        #expect(error?.description.contains("chat-template-tests-") == true)
        #expect(error?.description.contains(expected) == true, "\(String(describing: error))")
    }
}
