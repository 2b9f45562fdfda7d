import Foundation

/// Tiny models of the families beside LLaMA (`scripts/fixtures/make-fixtures families`).
public enum FamilyFixtures {
    public static let names = [
        "gpt2", "gptj", "gpt-neox", "gpt-neox-sequential", "llama-biases", "mistral", "qwen2",
        "qwen3", "phi3", "gemma", "gemma2", "gemma3",
    ]

    /// The folder of a family's fixture.
    public static func folder(_ name: String) -> String { Programs.fixture("families/" + name) }

    /// A model folder `path` of a family with the tokenizer that all fixtures share.
    public static func link(_ name: String, at path: String) throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        for (source, files) in [
            (folder(name), ["config.json", "model.safetensors"]),
            (Programs.fixture("tiny-llama"), ["tokenizer.json", "tokenizer_config.json"]),
        ] {
            for file in files {
                try FileManager.default.createSymbolicLink(
                    atPath: path + "/" + file, withDestinationPath: source + "/" + file)
            }
        }
    }
}
