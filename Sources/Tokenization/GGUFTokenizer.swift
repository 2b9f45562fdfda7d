import ModelFiles

/// The tokenizer in the metadata of a GGUF file.
///
/// Source: ggml `docs/gguf.md`, "Tokenizer"; llama.cpp `llama-vocab.cpp` for the pre-tokenizers'
/// names and for what a missing `add_bos_token` means.
struct GGUFTokenizer {
    let metadata: [String: GGUFValue]
    let path: String

    /// `tokenizer.ggml.token_type` of tokens that are recognised in text.
    private enum TokenType {
        static let control: Int64 = 3
        static let userDefined: Int64 = 4
    }

    func definition() throws(TokenizationError) -> TokenizerDefinition {
        try checkModel()
        let tokens = try texts("tokens")
        guard let tokens, !tokens.isEmpty else {
            throw TokenizationError("has no vocabulary", at: place("tokens"))
        }
        let kind = try preTokenizer()
        var preTokenizer = kind.preTokenizer
        if try flag("add_space_prefix", default: false) {
            preTokenizer.stages.insert(.prefixSpace, at: preTokenizer.stages.count - 1)
        }
        var definition = TokenizerDefinition(
            source: path, vocabularyName: "tokenizer.ggml.tokens",
            mergesName: "tokenizer.ggml.merges",
            vocabulary: tokens.enumerated().map { ($0.element, $0.offset) },
            merges: try merges(), addedTokens: try addedTokens(tokens), preTokenizer: preTokenizer)
        definition.ignoresMerges = kind.ignoresMerges
        definition.endToken = try tokenID("eos_token_id")
        if try flag("add_bos_token", default: kind.beginsText) {
            guard let begin = try tokenID("bos_token_id") else {
                throw TokenizationError(
                    "a begin token is to be added, but bos_token_id is missing",
                    at: place("add_bos_token"))
            }
            definition.beginTokens = [begin]
        }
        return definition
    }

    private func checkModel() throws(TokenizationError) {
        guard case .text(let model)? = value("model") else {
            throw TokenizationError(
                "is missing or no text", at: place("model"),
                hint: "The file has no tokenizer; take a complete GGUF file of the model")
        }
        guard model == "gpt2" else {
            throw TokenizationError(
                "a tokenizer of type '\(model.excerpt)' is not supported", at: place("model"),
                hint: "Supported: gpt2, that is byte-level BPE")
        }
    }

    private func preTokenizer() throws(TokenizationError) -> (
        preTokenizer: PreTokenizer, ignoresMerges: Bool, beginsText: Bool
    ) {
        let name: String? = if case .text(let text)? = value("pre") { text } else { nil }
        switch name {
        case "gpt-2", "gpt2": return (.gpt2, false, false)
        case "smollm": return (.smolLM, false, false)
        case "llama-bpe", "llama3", "llama-v3": return (.llama3, true, true)
        default:
            throw TokenizationError(
                name.map { "the pre-tokenizer '\($0.excerpt)' is not supported" }
                    ?? "names no pre-tokenizer, and guessing would give wrong tokens",
                at: place("pre"), hint: "Supported: gpt-2, llama-bpe, smollm")
        }
    }

    private func merges() throws(TokenizationError) -> [(left: Substring, right: Substring)] {
        var merges: [(left: Substring, right: Substring)] = []
        for (index, text) in (try texts("merges") ?? []).enumerated() {
            let pair = text.split(separator: " ", omittingEmptySubsequences: false)
            guard pair.count == 2 else {
                throw TokenizationError(
                    "merge \(index) ('\(text.excerpt)') is not two tokens", at: place("merges"))
            }
            merges.append((pair[0], pair[1]))
        }
        return merges
    }

    private func addedTokens(_ tokens: [String]) throws(TokenizationError) -> [AddedToken] {
        guard let types = value("token_type") else { return [] }
        guard case .integers(let types) = types, types.count == tokens.count else {
            throw TokenizationError(
                "must hold one integer for each of the \(tokens.count) tokens",
                at: place("token_type"))
        }
        return zip(tokens, types).enumerated().compactMap { id, entry in
            let (content, type) = entry
            guard type == TokenType.control || type == TokenType.userDefined, !content.isEmpty
            else { return nil }
            return AddedToken(
                content: content, id: Int32(id), isSpecial: type == TokenType.control)
        }
    }

    private func value(_ key: String) -> GGUFValue? { metadata["tokenizer.ggml.\(key)"] }

    private func place(_ key: String) -> String { "\(path): tokenizer.ggml.\(key)" }

    private func texts(_ key: String) throws(TokenizationError) -> [String]? {
        switch value(key) {
        case nil: return nil
        case .texts(let texts): return texts
        default: throw TokenizationError("must be an array of texts", at: place(key))
        }
    }

    private func flag(_ key: String, default absent: Bool) throws(TokenizationError) -> Bool {
        switch value(key) {
        case nil: return absent
        case .boolean(let flag): return flag
        default: throw TokenizationError("must be true or false", at: place(key))
        }
    }

    private func tokenID(_ key: String) throws(TokenizationError) -> Int32? {
        switch value(key) {
        case nil: return nil
        case .integer(let id):
            if let id = Int32(exactly: id) { return id }
            fallthrough
        default: throw TokenizationError("must be a token id", at: place(key))
        }
    }
}
