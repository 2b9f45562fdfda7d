public import JSON
public import ModelFiles

/// The tokenizer of a GGUF file as Hugging Face's files say it.
///
/// The same ids come out of Hugging Face `tokenizers`, and out of this software.
/// Source: Hugging Face `tokenizers`, the serialized form of `Tokenizer` and `models::BPE`.
public struct HuggingFaceTokenizerFiles {
    /// Contents of `tokenizer.json`.
    public let tokenizer: JSONValue
    /// Contents of `tokenizer_config.json`.
    public let configuration: JSONValue

    /// - Parameters:
    ///   - ggufMetadata: The file's metadata.
    ///   - path: The file's path, for messages.
    ///   - maximumPositions: Longest text of the model, in tokens.
    /// - Throws: ``TokenizationError`` if the tokenizer is not supported, or has no form in these
    ///   files.
    public init(
        ggufMetadata: [String: GGUFValue], path: String, maximumPositions: Int
    ) throws(TokenizationError) {
        let definition = try GGUFTokenizer(metadata: ggufMetadata, path: path).definition()
        tokenizer = .object(try Self.tokenizer(definition))
        configuration = .object(
            Self.configuration(definition, ggufMetadata, maximumPositions: maximumPositions))
    }

    // MARK: tokenizer.json

    private static func tokenizer(
        _ definition: TokenizerDefinition
    ) throws(TokenizationError) -> JSONObject {
        JSONObject([
            ("version", .text("1.0")), ("truncation", .null), ("padding", .null),
            ("added_tokens", .array(definition.addedTokens.map(addedToken))),
            ("normalizer", normalizer(definition)),
            ("pre_tokenizer", try preTokenizer(definition)),
            ("post_processor", postProcessor(definition)), ("decoder", decoder(definition)),
            ("model", .object(try model(definition))),
        ])
    }

    private static func addedToken(_ token: AddedToken) -> JSONValue {
        .object(
            JSONObject([
                ("id", .integer(Int(token.id))), ("content", .text(token.content)),
                ("single_word", .boolean(token.isSingleWord)),
                ("lstrip", .boolean(token.stripsLeft)), ("rstrip", .boolean(token.stripsRight)),
                ("normalized", .boolean(token.isNormalized)),
                ("special", .boolean(token.isSpecial)),
            ]))
    }

    private static func byteLevel(prefixesSpace: Bool, splits: Bool) -> JSONValue {
        .object(
            JSONObject([
                ("type", .text("ByteLevel")), ("add_prefix_space", .boolean(prefixesSpace)),
                ("trim_offsets", .boolean(true)), ("use_regex", .boolean(splits)),
            ]))
    }

    private static func preTokenizer(
        _ definition: TokenizerDefinition
    ) throws(TokenizationError) -> JSONValue {
        var stages = definition.preTokenizer.stages
        if stages.isEmpty, definition.spelling == .text { return .null }
        var last: JSONValue?
        if definition.spelling == .byteLevel {
            let splits: Bool
            if case .pattern(.gpt2)? = stages.last { splits = true } else { splits = false }
            if splits { stages.removeLast() }
            let prefixes: Bool
            if case .prefixSpace? = stages.last { prefixes = true } else { prefixes = false }
            if prefixes { stages.removeLast() }
            last = byteLevel(prefixesSpace: prefixes, splits: splits)
        }
        let parts = try stages.map { stage throws(TokenizationError) in
            try part(stage, definition)
        }
        if parts.isEmpty, let last { return last }
        return tagged("Sequence", [("pretokenizers", .array(parts + [last].compactMap { $0 }))])
    }

    private static func part(
        _ stage: PreTokenizer.Stage, _ definition: TokenizerDefinition
    ) throws(TokenizationError) -> JSONValue {
        let expression: String
        switch stage {
        case .digits: return tagged("Digits", [("individual_digits", .boolean(true))])
        case .pattern(let pattern): expression = pattern.expression
        case .split(.expression(let split), .isolated, isInverted: false):
            expression = split.source
        default:
            throw TokenizationError(
                "the pre-tokenizer with add_space_prefix has no form in tokenizer.json",
                at: definition.source,
                hint: "Take the tokenizer files of the model that the file was made from")
        }
        return tagged(
            "Split",
            [
                ("pattern", .object(JSONObject([("Regex", .text(expression))]))),
                ("behavior", .text("Isolated")), ("invert", .boolean(false)),
            ])
    }

    private static func tagged(
        _ type: String, _ members: [(String, JSONValue)]
    ) -> JSONValue {
        .object(JSONObject([("type", .text(type))] + members.map { (key: $0.0, value: $0.1) }))
    }

    private static func replace(_ from: String, _ to: String) -> JSONValue {
        tagged(
            "Replace",
            [
                ("pattern", .object(JSONObject([("String", .text(from))]))),
                ("content", .text(to)),
            ])
    }

    private static func normalizer(_ definition: TokenizerDefinition) -> JSONValue {
        guard definition.spelling == .text else { return .null }
        var stages = [replace(" ", "▁")]
        if case .prepend? = definition.normalizer.stages.first {
            stages.insert(tagged("Prepend", [("prepend", .text("▁"))]), at: 0)
        }
        return tagged("Sequence", [("normalizers", .array(stages))])
    }

    private static func decoder(_ definition: TokenizerDefinition) -> JSONValue {
        guard definition.spelling == .text else {
            return byteLevel(prefixesSpace: false, splits: true)
        }
        var stages = [replace("▁", " "), tagged("ByteFallback", []), tagged("Fuse", [])]
        if definition.decoding.start == .space {
            stages.append(
                tagged(
                    "Strip",
                    [("content", .text(" ")), ("start", .integer(1)), ("stop", .integer(0))]))
        }
        return tagged("Sequence", [("decoders", .array(stages))])
    }

    /// Puts the begin tokens first; they are of the vocabulary, as loading has checked.
    private static func postProcessor(_ definition: TokenizerDefinition) -> JSONValue {
        guard !definition.beginTokens.isEmpty else {
            return byteLevel(prefixesSpace: false, splits: true)
        }
        func sequence(_ name: String, type: Int) -> JSONValue {
            piece("Sequence", [("id", .text(name)), ("type_id", .integer(type))])
        }
        func begin(type: Int) -> [JSONValue] {
            definition.beginTokens.map { id in
                piece(
                    "SpecialToken",
                    [("id", .text(definition.text(of: id))), ("type_id", .integer(type))])
            }
        }
        let specials = Set(definition.beginTokens).sorted().map { id in
            let text = definition.text(of: id)
            let entry = JSONObject([
                ("id", .text(text)), ("ids", .array([.integer(Int(id))])),
                ("tokens", .array([.text(text)])),
            ])
            return (key: text, value: JSONValue.object(entry))
        }
        let first = begin(type: 0) + [sequence("A", type: 0)]
        return .object(
            JSONObject([
                ("type", .text("TemplateProcessing")), ("single", .array(first)),
                ("pair", .array(first + begin(type: 1) + [sequence("B", type: 1)])),
                ("special_tokens", .object(JSONObject(specials))),
            ]))
    }

    private static func piece(_ kind: String, _ members: [(String, JSONValue)]) -> JSONValue {
        .object(JSONObject([(kind, .object(JSONObject(members.map { ($0.0, $0.1) })))]))
    }

    private static func model(
        _ definition: TokenizerDefinition
    ) throws(TokenizationError) -> JSONObject {
        var vocabulary = JSONObject([])
        for (token, id) in definition.vocabulary { vocabulary.set(token, .integer(Int(id))) }
        guard vocabulary.keys.count == definition.vocabulary.count else {
            throw TokenizationError(
                "a token stands there twice", at: definition.source,
                hint: "The file is damaged: fetch it again")
        }
        return JSONObject([
            ("type", .text("BPE")), ("dropout", .null),
            ("unk_token", definition.unknownToken.map { .text($0) } ?? .null),
            ("continuing_subword_prefix", .null), ("end_of_word_suffix", .null),
            ("fuse_unk", .boolean(definition.fusesUnknown)),
            ("byte_fallback", .boolean(definition.fallsBackToBytes)),
            ("ignore_merges", .boolean(definition.ignoresMerges)), ("vocab", .object(vocabulary)),
            ("merges", .array(merges(definition))),
        ])
    }

    private static func merges(_ definition: TokenizerDefinition) -> [JSONValue] {
        guard let scores = definition.scores else {
            return definition.merges.map { .text("\($0.left) \($0.right)") }
        }
        return MergesFromScores.merges(definition.vocabulary, scores).map {
            .array([.text($0.left), .text($0.right)])
        }
    }

    // MARK: tokenizer_config.json

    private static func configuration(
        _ definition: TokenizerDefinition, _ metadata: [String: GGUFValue], maximumPositions: Int
    ) -> JSONObject {
        var members = JSONObject([
            ("tokenizer_class", .text("PreTrainedTokenizerFast")),
            ("clean_up_tokenization_spaces", .boolean(false)),
            ("model_max_length", .integer(maximumPositions)),
        ])
        let specials = [
            ("bos_token", "bos_token_id"), ("eos_token", "eos_token_id"),
            ("pad_token", "padding_token_id"), ("unk_token", "unknown_token_id"),
        ]
        for (name, key) in specials {
            guard case .integer(let id)? = metadata["tokenizer.ggml.\(key)"],
                let id = Int32(exactly: id)
            else { continue }
            let text = definition.text(of: id)
            if !text.isEmpty { members.set(name, .text(text)) }
        }
        if case .text(let template)? = metadata["tokenizer.chat_template"] {
            members.set("chat_template", .text(template))
        }
        return members
    }
}

extension TokenizerDefinition {
    /// How the vocabulary of a GGUF file, where ids count from 0, writes token `id`.
    fileprivate func text(of id: Int32) -> String {
        vocabulary.indices.contains(Int(id)) ? vocabulary[Int(id)].token : ""
    }
}
