import ModelFiles

extension DeclaredTokens {
    /// Whether words of bytes get a space before them, where the class decides and not
    /// `tokenizer.json`.
    var prefixesSpaceOfBytes: Bool? {
        switch tokenizerClass {
        case .codeGen, .gpt2, .gptNeoX, .qwen2: addsPrefixSpace ?? false
        case .backend, .codeLlama, .gemma, .llama: nil
        }
    }
}

extension TokenizerDefinition {
    /// Changes what transformers 5 has from the tokenizer's class and not from `tokenizer.json`.
    ///
    /// Classes of byte-level tokenizers are an exception: their pre-tokenizer is that of
    /// `tokenizer.json`, with which the model was trained. transformers 5.24 forgets a part of it
    /// for some models (the digits of SmolLM2), which is reported there as a defect and mended
    /// model by model.
    ///
    /// - Throws: ``TokenizationError`` if the file's stages are none that the class could stand
    ///   for.
    mutating func rebuild(
        as declared: DeclaredTokens, at folder: String
    ) throws(TokenizationError) {
        let kind = declared.tokenizerClass
        switch kind {
        case .backend: return
        case .codeGen, .gpt2, .gptNeoX, .qwen2:
            guard spelling == .byteLevel else { throw mismatch(kind, "is byte-level") }
            if kind == .gptNeoX {
                beginTokens = []
                closingTokens = []
            }
        case .codeLlama, .gemma, .llama:
            guard spelling == .text, isPlainText else {
                throw mismatch(kind, "replaces spaces by ▁ and does nothing else")
            }
            try rebuildText(declared)
        }
    }

    private mutating func rebuildText(_ declared: DeclaredTokens) throws(TokenizationError) {
        ignoresMerges = false
        fallsBackToBytes = true
        fusesUnknown = true
        let unknown = neededUnknown(declared.token(named: "unk_token")?.content)
        if declared.tokenizerClass == .gemma {
            normalizer = Normalizer(stages: [.replace([0x20], with: Metaspace.bytes)])
            preTokenizer = PreTokenizer(stages: [])
            decoding = .sentencePiece(start: .nothing)
            unknownToken = unknown
            return
        }
        let prefixes = declared.addsPrefixSpace ?? true
        guard declared.addsPrefixSpace != nil || putsSpaceFirst else {
            throw TokenizationError(
                "puts no ▁ before a text, and a \(declared.tokenizerClass.rawValue) of "
                    + "transformers 5 does", at: "\(source): pre_tokenizer",
                hint: "Set add_prefix_space in tokenizer_config.json to what the model was "
                    + "trained with")
        }
        let isCodeLlama = declared.tokenizerClass == .codeLlama
        let prefix: Metaspace.Prefix =
            prefixes ? (declared.isLegacy && !isCodeLlama ? .always : .first) : .never
        normalizer = Normalizer(stages: [])
        preTokenizer = PreTokenizer(stages: [.metaspace(prefix, splits: false)])
        decoding = .sentencePiece(start: prefixes || isCodeLlama ? .space : .nothing)
        unknownToken = isCodeLlama ? unknown : nil
        if isCodeLlama, let begin = declared.token(named: "bos_token") {
            beginTokens = [id(of: begin.content)].compactMap { $0 }
            closingTokens = []
        }
    }

    /// `content`, or `nil` where the vocabulary lacks it and every character falls back to bytes.
    private func neededUnknown(_ content: String?) -> String? {
        guard let content,
            !vocabulary.contains(where: { $0.token.utf8.elementsEqual(content.utf8) })
        else { return content }
        let tokens = Set(vocabulary.map(\.token))
        let hasAllBytes = (UInt8.min...UInt8.max).allSatisfy {
            tokens.contains(TokenDecoding.token(of: $0))
        }
        return hasAllBytes ? nil : content
    }

    /// Whether nothing is done to a text but what SentencePiece's models do: spaces become `▁`, and
    /// one may come first.
    private var isPlainText: Bool {
        let isNormalizerPlain = normalizer.stages.allSatisfy { stage in
            switch stage {
            case .prepend(let bytes): bytes == Metaspace.bytes
            case .replace(let from, let to): from == [0x20] && to == Metaspace.bytes
            default: false
            }
        }
        let isPreTokenizerPlain = preTokenizer.stages.allSatisfy { stage in
            switch stage {
            case .metaspace: true
            // No space is left for it.
            case .split(.literal(let separator), _, isInverted: false): separator == [0x20]
            default: false
            }
        }
        return isNormalizerPlain && isPreTokenizerPlain
    }

    private var putsSpaceFirst: Bool {
        let prepends = normalizer.stages.contains { if case .prepend = $0 { true } else { false } }
        return prepends
            || preTokenizer.stages.contains { stage in
                if case .metaspace(let prefix, _) = stage { prefix != .never } else { false }
            }
    }

    private func mismatch(_ kind: TokenizerClass, _ does: String) -> TokenizationError {
        TokenizationError(
            "has another normalizer or pre_tokenizer than a \(kind.rawValue) of transformers 5, "
                + "which \(does)", at: source,
            hint: "Set tokenizer_class in tokenizer_config.json to PreTrainedTokenizerFast to have "
                + "tokenizer.json as it stands")
    }
}
