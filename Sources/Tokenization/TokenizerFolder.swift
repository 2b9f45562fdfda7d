import Foundation
import ModelFiles

/// The tokenizer of a Hugging Face folder, read from its JSON files.
///
/// Source: Hugging Face `tokenizers`, the serialized form of `Tokenizer` and `models::BPE`.
struct TokenizerFolder {
    let path: String

    func definition() throws(TokenizationError) -> TokenizerDefinition {
        let file = try tokenizerFile()
        let root = try JSONNode.read(file)
        let model = try root.required("model")
        try checkIsBPE(model)
        let (preTokenizer, spelling) = try PreTokenizer.read(root["pre_tokenizer"])
        let normalizer = try Normalizer(root["normalizer"])
        var definition = TokenizerDefinition(
            source: file, vocabulary: try vocabulary(model.required("vocab")), spelling: spelling,
            merges: try merges(model["merges"]), addedTokens: try addedTokens(root["added_tokens"]),
            normalizer: normalizer, preTokenizer: preTokenizer)
        definition.ignoresMerges = try model.flag("ignore_merges", default: false)
        definition.fallsBackToBytes = try model.flag("byte_fallback", default: false)
        definition.unknownToken = try model.filledText("unk_token")
        definition.fusesUnknown = try model.flag("fuse_unk", default: false)
        definition.decoding = try TokenDecoding(root["decoder"], spelling)
        let marks = try TextMarks.read(root["post_processor"])
        definition.beginTokens = marks.before
        definition.closingTokens = marks.after
        try readMarks(into: &definition)
        definition.endToken = try endToken(definition)
        return definition
    }

    private func tokenizerFile() throws(TokenizationError) -> String {
        let file = path + "/tokenizer.json"
        guard FileManager.default.fileExists(atPath: file) else {
            let sentencePiece = FileManager.default.fileExists(atPath: path + "/tokenizer.model")
            throw TokenizationError(
                "has no tokenizer.json", at: path,
                hint: sentencePiece
                    ? "Its tokenizer.model is of the SentencePiece kind, which is not supported"
                    : "Copy it from where the model comes from")
        }
        return file
    }

    private func checkIsBPE(_ model: JSONNode) throws(TokenizationError) {
        // Files of before 2020 leave the type out; only BPE has merges.
        let type = try model["type"]?.text() ?? (model["merges"] == nil ? "unknown" : "BPE")
        guard type == "BPE" else {
            throw TokenizationError(
                "a tokenizer of type '\(type.excerpt)' is not supported", at: model.location,
                hint: "Supported: BPE, byte-level (GPT-2, Llama 3, Qwen, SmolLM) and of "
                    + "SentencePiece's kind (Llama 2, Mistral, Gemma)")
        }
        for key in ["continuing_subword_prefix", "end_of_word_suffix"]
        where try model.filledText(key) != nil {
            throw TokenizationError("\(key) is not supported", at: model.location)
        }
    }

    private func vocabulary(
        _ node: JSONNode
    ) throws(TokenizationError) -> [(token: String, id: Int)] {
        var vocabulary: [(token: String, id: Int)] = []
        let members = try node.members()
        for token in members.keys {
            guard case .integer(let id)? = members[token] else {
                throw TokenizationError(
                    "the id of '\(token.excerpt)' must be an integer", at: node.location)
            }
            vocabulary.append((token, Int(id)))
        }
        return vocabulary
    }

    /// Merges stand as `"a b"` (older files) or `["a", "b"]`.
    private func merges(
        _ node: JSONNode?
    ) throws(TokenizationError) -> [(left: Substring, right: Substring)] {
        var merges: [(left: Substring, right: Substring)] = []
        for (index, value) in (try node?.values() ?? []).enumerated() {
            var pair: [Substring] = []
            switch value {
            case .text(let text):
                pair = text.unicodeScalars.split(
                    separator: " ", omittingEmptySubsequences: false
                ).map { Substring($0) }
            case .array(let parts):
                for case .text(let part) in parts { pair.append(part[...]) }
            default: break
            }
            guard pair.count == 2 else {
                throw TokenizationError(
                    "merge \(index) must be two tokens: \"a b\" or [\"a\", \"b\"]",
                    at: node?.location)
            }
            merges.append((pair[0], pair[1]))
        }
        return merges
    }

    private func addedTokens(_ node: JSONNode?) throws(TokenizationError) -> [AddedToken] {
        var tokens: [AddedToken] = []
        for entry in try node?.array() ?? [] {
            let id = try entry.required("id").tokenID()
            let content = try entry.required("content").text()
            let isSpecial = try entry.flag("special", default: false)
            guard !content.isEmpty else { continue }
            let token = AddedToken(
                content: content, id: id, isSpecial: isSpecial,
                isNormalized: try entry.flag("normalized", default: !isSpecial),
                stripsLeft: try entry.flag("lstrip", default: false),
                stripsRight: try entry.flag("rstrip", default: false),
                isSingleWord: try entry.flag("single_word", default: false))
            tokens.append(token)
        }
        return tokens
    }

    private var tokenizerConfiguration: JSONNode? {
        get throws(TokenizationError) {
            let file = path + "/tokenizer_config.json"
            return FileManager.default.fileExists(atPath: file) ? try JSONNode.read(file) : nil
        }
    }

    /// The id of a token that `tokenizer_config.json` names, e.g. under `eos_token`.
    private func namedToken(
        _ key: String, _ definition: TokenizerDefinition
    ) throws(TokenizationError) -> Int32? {
        guard let node = try tokenizerConfiguration?[key] else { return nil }
        let content = try node.isObject ? node.required("content").text() : node.text()
        guard let id = definition.id(of: content) else {
            throw TokenizationError(
                "\(key) '\(content.excerpt)' is not in the vocabulary", at: node.location,
                hint: "tokenizer_config.json and tokenizer.json must be of one model")
        }
        return id
    }

    /// Where one of these flags is set, transformers 5 has it instead of the post-processor.
    private func readMarks(
        into definition: inout TokenizerDefinition
    ) throws(TokenizationError) {
        guard let settings = try tokenizerConfiguration,
            settings["add_bos_token"] != nil || settings["add_eos_token"] != nil
        else { return }
        let begins = try settings.flag("add_bos_token", default: false)
        let ends = try settings.flag("add_eos_token", default: false)
        definition.beginTokens =
            begins ? [try namedToken("bos_token", definition)].compactMap { $0 } : []
        definition.closingTokens =
            ends ? [try namedToken("eos_token", definition)].compactMap { $0 } : []
    }

    private func endToken(_ definition: TokenizerDefinition) throws(TokenizationError) -> Int32? {
        if let id = try namedToken("eos_token", definition) { return id }
        let configuration = path + "/config.json"
        guard FileManager.default.fileExists(atPath: configuration),
            var node = try JSONNode.read(configuration)["eos_token_id"]
        else { return nil }
        if node.isArray {
            guard let first = try node.array().first else { return nil }
            node = first
        }
        return try node.tokenID()
    }
}
