import ModelFiles
import Words

/// The tokenizer in the metadata of a GGUF file.
///
/// Source: ggml `docs/gguf.md`, "Tokenizer"; llama.cpp `llama-vocab.cpp` for the pre-tokenizers'
/// names and for what a missing `add_bos_token` means.
struct GGUFTokenizer {
    let metadata: [String: GGUFValue]
    let path: String

    /// `tokenizer.ggml.token_type` of tokens that are recognised in text.
    private enum TokenType {
        static let unknown: Int64 = 2
        static let control: Int64 = 3
        static let userDefined: Int64 = 4
    }

    func definition() throws(TokenizationError) -> TokenizerDefinition {
        let model = try model()
        let tokens = try tokens()
        var definition: TokenizerDefinition
        let beginsText: Bool
        if model == "llama" {
            definition = try sentencePiece(tokens)
            beginsText = true
        } else {
            let kind = try preTokenizer(model)
            definition = try byPairs(tokens, kind)
            beginsText = kind.beginsText
        }
        definition.endToken = try tokenID("eos_token_id")
        definition.stopTokens = GGUFStopTokens.ids(metadata, tokens)
        if try flag("add_bos_token", default: beginsText) {
            definition.beginTokens = [try marker("bos_token_id", for: "add_bos_token", "begin")]
        }
        if try flag("add_eos_token", default: false) {
            definition.closingTokens = [try marker("eos_token_id", for: "add_eos_token", "end")]
        }
        return definition
    }

    private func model() throws(TokenizationError) -> String {
        guard case .text(let model)? = value("model") else {
            throw TokenizationError(
                "is missing or no text", at: place("model"),
                hint: "The file has no tokenizer; take a complete GGUF file of the model")
        }
        guard ["gpt2", "llama", "gemma4"].contains(model) else {
            let kinds = [
                "bert": " (WordPiece)", "t5": " (Unigram)", "rwkv": " (RWKV's greedy matching)",
            ]
            throw TokenizationError(
                "a tokenizer of type '\(model.excerpt())'\(kinds[model] ?? "") is not supported",
                at: place("model"),
                hint: "Supported: gpt2, that is byte-level BPE, and llama, that is "
                    + "SentencePiece's BPE with scores")
        }
        return model
    }

    private func tokens() throws(TokenizationError) -> [(token: String, id: Int)] {
        guard let tokens = try texts("tokens"), !tokens.isEmpty else {
            throw TokenizationError("has no vocabulary", at: place("tokens"))
        }
        // llama.cpp gives tokens without text names of this form.
        return tokens.enumerated().map {
            ($0.element.isEmpty ? "[EMPTY_\($0.offset)]" : $0.element, $0.offset)
        }
    }

    /// BPE with merges.
    private func byPairs(
        _ tokens: [(token: String, id: Int)], _ kind: GGUFPreTokenizer
    ) throws(TokenizationError) -> TokenizerDefinition {
        var preTokenizer = PreTokenizer(stages: try kind.stages(at: place("pre")))
        if try flag("add_space_prefix", default: false) {
            preTokenizer.stages.insert(.prefixSpace, at: max(0, preTokenizer.stages.count - 1))
        }
        var definition = TokenizerDefinition(
            source: path, vocabularyName: "tokenizer.ggml.tokens",
            mergesName: "tokenizer.ggml.merges", vocabulary: tokens, merges: try merges(),
            addedTokens: try addedTokens(tokens), preTokenizer: preTokenizer)
        definition.ignoresMerges = kind.ignoresMerges
        if kind.isText {
            definition.spelling = .text
            definition.normalizer.stages = [.replace([0x20], with: Metaspace.bytes)]
            definition.fallsBackToBytes = true
            definition.takesLineFeedsWhole = true
            definition.decoding = .sentencePiece(start: .nothing)
        }
        return definition
    }

    /// SentencePiece's BPE, which merges by the tokens' scores.
    private func sentencePiece(
        _ tokens: [(token: String, id: Int)]
    ) throws(TokenizationError) -> TokenizerDefinition {
        let scores: [Float]
        switch value("scores") {
        case .numbers(let numbers): scores = numbers.map { Float($0) }
        case .integers(let integers): scores = integers.map { Float($0) }
        default:
            throw TokenizationError(
                "must be an array of numbers", at: place("scores"),
                hint: "A SentencePiece vocabulary merges by scores; the file is incomplete")
        }
        let prefixes = try flag("add_space_prefix", default: true)
        var definition = TokenizerDefinition(
            source: path, vocabularyName: "tokenizer.ggml.tokens", vocabulary: tokens,
            spelling: .text, merges: [], scores: scores, addedTokens: try addedTokens(tokens),
            preTokenizer: PreTokenizer(stages: []))
        definition.normalizer.stages =
            (prefixes ? [.prepend(Metaspace.bytes)] : [])
            + [.replace([0x20], with: Metaspace.bytes)]
        definition.fallsBackToBytes = true
        definition.fusesUnknown = true
        if let id = try tokenID("unknown_token_id"), tokens.indices.contains(Int(id)) {
            definition.unknownToken = tokens[Int(id)].token
        }
        definition.decoding = .sentencePiece(start: prefixes ? .space : .nothing)
        return definition
    }

    private func marker(
        _ key: String, for flag: String, _ kind: String
    ) throws(TokenizationError) -> Int32 {
        guard let id = try tokenID(key) else {
            throw TokenizationError(
                "a \(kind) token is to be added, but \(key) is missing", at: place(flag))
        }
        return id
    }

    private func preTokenizer(_ model: String) throws(TokenizationError) -> GGUFPreTokenizer {
        let name: String
        switch value("pre") {
        case nil: name = model == "gemma4" ? "gemma4" : "default"
        case .text(let text): name = text
        default: throw TokenizationError("must be a text", at: place("pre"))
        }
        guard let kind = GGUFPreTokenizer.named(name) else {
            throw TokenizationError(
                "the pre-tokenizer '\(name.excerpt())' is not supported", at: place("pre"),
                hint: "Supported: \(GGUFPreTokenizer.names.joined(separator: ", "))")
        }
        return kind
    }

    private func merges() throws(TokenizationError) -> [(left: Substring, right: Substring)] {
        var merges: [(left: Substring, right: Substring)] = []
        for (index, text) in (try texts("merges") ?? []).enumerated() {
            let pair = text.unicodeScalars.split(
                separator: " ", omittingEmptySubsequences: false
            ).map { Substring($0) }
            guard pair.count == 2 else {
                throw TokenizationError(
                    "merge \(index) ('\(text.excerpt())') is not two tokens", at: place("merges"))
            }
            merges.append((pair[0], pair[1]))
        }
        return merges
    }

    private func addedTokens(
        _ tokens: [(token: String, id: Int)]
    ) throws(TokenizationError) -> [AddedToken] {
        guard let types = value("token_type") else { return [] }
        guard case .integers(let types) = types, types.count == tokens.count else {
            throw TokenizationError(
                "must hold one integer for each of the \(tokens.count) tokens",
                at: place("token_type"))
        }
        let recognised = [TokenType.control, TokenType.userDefined, TokenType.unknown]
        return zip(tokens, types).compactMap { token, type in
            guard recognised.contains(type) else { return nil }
            return AddedToken(
                content: token.token, id: Int32(token.id),
                isSpecial: type != TokenType.userDefined,
                stripsRight: type != TokenType.userDefined && takesSpaceBehind(token.token))
        }
    }

    /// Phi-3's markers take the white space behind them, which GGUF files do not say: llama.cpp
    /// knows it by the model's name.
    private func takesSpaceBehind(_ token: String) -> Bool {
        guard case .text(let name)? = metadata["general.name"] else { return false }
        let words = name.lowercased()
        return (words.contains("phi-3") || words.contains("phi3"))
            && !["<unk>", "<s>", "<|endoftext|>"].contains(token)
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
