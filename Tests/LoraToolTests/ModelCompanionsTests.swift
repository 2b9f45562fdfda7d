import Foundation
import TestSupport
import Testing

/// What `lora merge` brings along, and what the tool says of files that are not used.
@Suite(.timeLimit(.minutes(5))) struct ModelCompanionsTests {
    private static let along = [
        "LICENSE", "USE_POLICY.md", "added_tokens.json", "additional_chat_templates/tool_use.jinja",
        "chat_template.jinja", "chat_template.json", "generation_config.json", "merges.txt",
        "modeling_tiny.py", "preprocessor_config.json", "processor_config.json",
        "sentencepiece.bpe.model", "special_tokens_map.json", "tekken.json", "tokenizer.model",
        "tokenizer.model.v3", "vocab.json",
    ]
    private static let left = [
        "README.md", "adapter_config.json", "adapter_model.safetensors", "consolidated.00.pth",
        "data.parquet", "eval.csv", "model.safetensors.index.json", "notes.ipynb",
        "onnx/model.onnx", "optimizer.pt", "original/params.json",
        "pytorch_model.bin", "trainer_state.json", "training_args.bin",
    ]

    private func write(_ names: [String], in folder: String) throws {
        for name in names {
            let path = URL(fileURLWithPath: folder + "/" + name)
            try FileManager.default.createDirectory(
                at: path.deletingLastPathComponent(), withIntermediateDirectories: true)
            let content = name == "generation_config.json" ? #"{"eos_token_id": 0}"# : name
            try Data((name.hasSuffix("tokens_map.json") ? "{}" : content).utf8).write(to: path)
        }
    }

    /// What is no regular file must neither end a merge nor hold it up.
    private func makeOddFiles(in model: String) throws {
        for name in ["nowhere.txt", "additional_chat_templates/gone.jinja"] {
            try FileManager.default.createSymbolicLink(
                atPath: model + "/" + name, withDestinationPath: model + "/is-not-there")
        }
        try #require(mkfifo(model + "/pipe.txt", 0o600) == 0)
    }

    @Test func everythingThatBelongsToTheModelIsBroughtAlong() throws {
        let tool = try Tool()
        defer { tool.remove() }
        let (model, out) = (tool.scratch + "/model", tool.scratch + "/merged")
        try FileManager.default.copyItem(atPath: Tool.fixtures + "/tiny-llama", toPath: model)
        let json = ["added_tokens.json", "special_tokens_map.json"]
        try write(Self.along + Self.left + [".cache/x", ".hidden"], in: model)
        for name in json { try Data("{}".utf8).write(to: URL(fileURLWithPath: "\(model)/\(name)")) }
        try makeOddFiles(in: model)
        let result = try tool.lora(
            "merge", "--model", model, "--adapter", Tool.fixtures + "/tiny-llama/adapter-qv",
            "--out", out)
        try #require(result.exitCode == 0, "\(result.errors)")
        for name in Self.along {
            let (original, copy) = ("\(model)/\(name)", "\(out)/\(name)")
            #expect(FileManager.default.contentsEqual(atPath: original, andPath: copy), "\(name)")
        }
        for name in Self.left + [".cache", ".hidden"] {
            #expect(!FileManager.default.fileExists(atPath: "\(out)/\(name)"), "\(name)")
        }
        #expect(result.output.contains("tokenizer.model"))
        let notCopied = try #require(
            result.output.split(separator: "\n").first { $0.hasPrefix("not copied from") })
        for name in [
            "README.md", "pytorch_model.bin", "onnx/", "original/", "data.parquet", "train.jsonl",
            "nowhere.txt", "pipe.txt", "additional_chat_templates/gone.jinja",
        ] {
            #expect(notCopied.contains(name), "\(notCopied)")
        }
        #expect(!notCopied.contains("hidden") && !notCopied.contains(" config.json"))
    }

    /// A folder whose configuration tells fewer layers than its weights have.
    private func shortened(_ tool: Tool) throws -> String {
        let model = tool.scratch + "/model"
        try FileManager.default.copyItem(atPath: Tool.fixtures + "/tiny-llama", toPath: model)
        let config = model + "/config.json"
        let text = try String(contentsOfFile: config, encoding: .utf8)
        try text.replacing("\"num_hidden_layers\": 3", with: "\"num_hidden_layers\": 2")
            .write(toFile: config, atomically: false, encoding: .utf8)
        return model
    }

    @Test func unreadTensorsAreToldBeforeAnythingIsComputed() throws {
        let tool = try Tool()
        defer { tool.remove() }
        let model = try shortened(tool)
        let data = Tool.fixtures + "/tiny-llama/held-out.jsonl"
        let commands = [
            ["inspect", model], ["eval", "--model", model, "--data", data, "--json"],
            ["generate", "--model", model, "--prompt", "a", "--max-tokens", "1"],
            ["plan", "--model", model, "--data", data, "--steps", "1", "--calibrate", "0"],
        ]
        for command in commands {
            let result = try tool.lora(command)
            #expect(result.exitCode == 0, "\(command[0]): \(result.errors)")
            let said = ["inspect", "plan"].contains(command[0]) ? result.output : result.errors
            #expect(said.contains("9 tensors are not used"), "\(command[0]): \(said)")
            #expect(said.contains("config.json says 2 layers"), "\(command[0]): \(said)")
        }
    }
}
