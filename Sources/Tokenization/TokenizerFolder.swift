import Foundation
import JSON
import ModelFiles
import Words

/// The tokenizer of a Hugging Face folder, read from its JSON files.
///
/// Source: Hugging Face `tokenizers`, the serialized form of `Tokenizer` and `models::BPE`.
struct TokenizerFolder {
    let path: String

    func definition() throws(TokenizationError) -> TokenizerDefinition {
        let file = try tokenizerFile()
        let declared = try declaredTokens()
        let root = try JSONNode(path: file)
        let model = try root.required("model")
        try checkIsBPE(model)
        let (preTokenizer, spelling) = try PreTokenizer.read(
            root["pre_tokenizer"], prefixesSpace: declared.prefixesSpaceOfBytes)
        let vocabulary = try model.required("vocab")
        var definition = TokenizerDefinition(
            source: file, vocabulary: try tokens(vocabulary), spelling: spelling,
            merges: try merges(model["merges"]), addedTokens: [],
            normalizer: try Normalizer(root["normalizer"]), preTokenizer: preTokenizer)
        definition.addedTokens = try addedTokens(
            root["added_tokens"], declared, AddedTokenList(try vocabulary.members(), definition))
        definition.ignoresMerges = try model.boolean("ignore_merges", default: false)
        definition.fallsBackToBytes = try model.boolean("byte_fallback", default: false)
        definition.unknownToken = try model.filledText("unk_token")
        definition.fusesUnknown = try model.boolean("fuse_unk", default: false)
        definition.decoding = try TokenDecoding(root["decoder"], spelling)
        let marks = try TextMarks.read(root["post_processor"])
        definition.beginTokens = marks.before
        definition.closingTokens = marks.after
        try definition.rebuild(as: declared, at: path)
        try findEndToken(declared, in: &definition)
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
                "a tokenizer of type '\(type.excerpt())' is not supported", at: model.location,
                hint: "Supported: BPE, byte-level (GPT-2, Llama 3, Qwen, SmolLM) and of "
                    + "SentencePiece's kind (Llama 2, Mistral, Gemma)")
        }
        if let dropout = model["dropout"], try dropout.number() != 0 {
            throw TokenizationError(
                "leaves merges out at random, which is not supported", at: dropout.location,
                hint: "Set it to null: then a text has the same tokens each time")
        }
        for key in ["continuing_subword_prefix", "end_of_word_suffix"]
        where try model.filledText(key) != nil {
            throw TokenizationError("\(key) is not supported", at: model.location)
        }
    }

    private func tokens(
        _ node: JSONNode
    ) throws(TokenizationError) -> [(token: String, id: Int)] {
        var vocabulary: [(token: String, id: Int)] = []
        let members = try node.members()
        for token in members.keys {
            guard case .integer(let id)? = members[token] else {
                throw TokenizationError(
                    "the id of '\(token.excerpt())' must be an integer", at: node.location)
            }
            vocabulary.append((token, id))
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
}
