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
        try checkIsByteLevelBPE(model)
        let preTokenizer = try PreTokenizer(root["pre_tokenizer"], file: file)
        try checkDecoder(root["decoder"])
        var definition = TokenizerDefinition(
            source: file, vocabulary: try vocabulary(model.required("vocab")),
            merges: try merges(model["merges"]), addedTokens: try addedTokens(root["added_tokens"]),
            preTokenizer: preTokenizer)
        definition.normalizesToNFC = try normalizesToNFC(root["normalizer"])
        definition.ignoresMerges = try model.flag("ignore_merges", default: false)
        definition.unknownToken = try model.filledText("unk_token")
        definition.fusesUnknown = try model.flag("fuse_unk", default: false)
        definition.beginTokens = try BeginTokens.read(root["post_processor"])
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

    private func checkIsByteLevelBPE(_ model: JSONNode) throws(TokenizationError) {
        // Files of before 2020 leave the type out; only BPE has merges.
        let type = try model["type"]?.text() ?? (model["merges"] == nil ? "unknown" : "BPE")
        guard type == "BPE" else {
            throw TokenizationError(
                "a tokenizer of type '\(type.excerpt)' is not supported", at: model.location,
                hint: "Supported: byte-level BPE (GPT-2, Llama-3, SmolLM)")
        }
        guard try !model.flag("byte_fallback", default: false) else {
            throw TokenizationError(
                "byte_fallback (a SentencePiece-style BPE) is not supported", at: model.location,
                hint: "Supported: byte-level BPE (GPT-2, Llama-3, SmolLM)")
        }
        for key in ["continuing_subword_prefix", "end_of_word_suffix"]
        where try model.filledText(key) != nil {
            throw TokenizationError("\(key) is not supported", at: model.location)
        }
    }

    private func checkDecoder(_ decoder: JSONNode?) throws(TokenizationError) {
        guard let type = try decoder?.required("type").text(), type != "ByteLevel" else { return }
        throw TokenizationError(
            "a decoder of type '\(type.excerpt)' is not supported",
            at: decoder?.location, hint: "Supported: ByteLevel")
    }

    private func normalizesToNFC(_ normalizer: JSONNode?) throws(TokenizationError) -> Bool {
        guard let normalizer else { return false }
        let type = try normalizer.required("type").text()
        if type == "NFC" { return true }
        guard type == "Sequence" else {
            throw TokenizationError(
                "a normalizer of type '\(type.excerpt)' is not supported", at: normalizer.location,
                hint: "Supported: none, NFC")
        }
        var found = false
        for part in try normalizer.required("normalizers").array() {
            if try normalizesToNFC(part) { found = true }
        }
        return found
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
                pair = text.split(separator: " ", omittingEmptySubsequences: false)
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

    private func endToken(_ definition: TokenizerDefinition) throws(TokenizationError) -> Int32? {
        let tokenizerConfiguration = path + "/tokenizer_config.json"
        if FileManager.default.fileExists(atPath: tokenizerConfiguration),
            let node = try JSONNode.read(tokenizerConfiguration)["eos_token"]
        {
            let content = try node.isObject ? node.required("content").text() : node.text()
            guard let id = definition.id(of: content) else {
                throw TokenizationError(
                    "eos_token '\(content.excerpt)' is not in the vocabulary", at: node.location,
                    hint: "tokenizer_config.json and tokenizer.json must be of one model")
            }
            return id
        }
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

extension TokenizerDefinition {
    fileprivate func id(of content: String) -> Int32? {
        if let added = addedTokens.last(where: { $0.content == content }) { return added.id }
        return vocabulary.first { $0.token == content }.flatMap { Int32(exactly: $0.id) }
    }
}
