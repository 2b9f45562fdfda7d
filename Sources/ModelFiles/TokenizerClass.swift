import Foundation
import JSON

/// How transformers 5 makes a tokenizer of a folder's files: as `tokenizer.json` says, or as a
/// class does, which takes vocabulary and merges from there and knows the rest itself.
///
/// Source: transformers 5.24, `AutoTokenizer.from_pretrained` and the constructors of the classes.
public enum TokenizerClass: String, Sendable {
    /// As `tokenizer.json` says; classes that are not listed here count as this one.
    case backend = "TokenizersBackend"
    case codeGen = "CodeGenTokenizer"
    case codeLlama = "CodeLlamaTokenizer"
    case gemma = "GemmaTokenizer"
    case gpt2 = "GPT2Tokenizer"
    case gptNeoX = "GPTNeoXTokenizer"
    case llama = "LlamaTokenizer"
    case qwen2 = "Qwen2Tokenizer"

    /// What stands for a role that no file fills; a file fills it with `null` too.
    var usualTokens: [(name: String, content: String)] {
        let end = "<|endoftext|>"
        switch self {
        case .backend: return []
        case .codeGen, .gpt2:
            return [("unk_token", end), ("bos_token", end), ("eos_token", end)]
        case .gptNeoX:
            return [
                ("unk_token", end), ("bos_token", end), ("eos_token", end),
                ("pad_token", "<|padding|>"),
            ]
        case .qwen2: return [("unk_token", end), ("eos_token", end), ("pad_token", end)]
        case .gemma:
            return [
                ("unk_token", "<unk>"), ("bos_token", "<bos>"), ("eos_token", "<eos>"),
                ("pad_token", "<pad>"), ("mask_token", "<mask>"),
            ]
        case .llama, .codeLlama:
            let usual = [("unk_token", "<unk>"), ("bos_token", "<s>"), ("eos_token", "</s>")]
            return self == .llama ? usual : usual + Self.infilling
        }
    }

    private static let infilling = [
        ("prefix_token", "▁<PRE>"), ("middle_token", "▁<MID>"), ("suffix_token", "▁<SUF>"),
        ("eot_token", "▁<EOT>"), ("fill_token", "<FILL_ME>"),
    ]

    /// The class that transformers has for a `model_type`, whatever the files say of a tokenizer.
    private static let ofModels: [String: TokenizerClass] = [
        "gemma": .gemma, "gemma2": .gemma, "gemma3_text": .gemma, "gpt2": .gpt2, "gptj": .gpt2,
        "gpt_neox": .gptNeoX, "mistral": .backend, "phi3": .backend, "qwen2": .qwen2,
        "qwen3": .qwen2,
    ]

    /// Models whose files are known to name a wrong class.
    private static let misnamed: Set = ["phi3", "qwen2"]

    /// The class for a folder whose files have these members.
    ///
    /// - Parameters:
    ///   - settings: Of `tokenizer_config.json`.
    ///   - model: Of `config.json`.
    ///   - folder: Whose `tokenizer.json` says whether it is byte-level.
    init(_ settings: JSONObject, model: JSONObject, folder: String) {
        let modelType = model["model_type"]?.string ?? ""
        let usual = Self.ofModels[modelType]
        guard
            let name = settings["tokenizer_class"]?.string
                ?? model["tokenizer_class"]?.string
        else {
            self = usual ?? .backend
            return
        }
        let own = TokenizerClass(
            rawValue: name.hasSuffix("Fast") ? String(name.dropLast(4)) : name)
        let isMisnamed = Self.misnamed.contains(modelType)
        if own == .llama, !isMisnamed, Self.isByteLevel(folder) {
            self = .backend
        } else if let usual, usual != own {
            self = usual == .backend ? .backend : (isMisnamed ? usual : own ?? .backend)
        } else {
            self = own ?? .backend
        }
    }

    /// As transformers looks for it: anywhere in the file.
    private static func isByteLevel(_ folder: String) -> Bool {
        guard
            let file = try? Data(
                contentsOf: URL(fileURLWithPath: folder + "/tokenizer.json"), options: .alwaysMapped
            )
        else { return false }
        return file.range(of: Data("\"ByteLevel\"".utf8)) != nil
    }
}
