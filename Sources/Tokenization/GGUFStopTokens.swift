import ModelFiles

/// What ends a text that is generated with a GGUF file: tokens of certain keys and of certain names.
///
/// Source: llama.cpp `llama-vocab.cpp`, `special_eog_ids`.
enum GGUFStopTokens {
    private static let keys = [
        "eos_token_id", "eot_token_id", "eom_token_id", "fim_pad_token_id", "fim_rep_token_id",
        "fim_sep_token_id",
    ]

    private static let names: Set = [
        "<|eot_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<|flush|>", "<|calls|>",
        "<end_of_turn>", "<|endoftext|>", "</s>", "<|eom_id|>", "<EOT>", "_<EOT>", "[EOT]", "[EOS]",
        "<|end_of_text|>", "<end_of_utterance>", "<eos>", "<turn|>", "<|tool_response>",
        "<｜end▁of▁sentence｜>",
    ]

    /// Of tokens between the files of a repository, where no key names the token.
    private static let unlessKeyed: [(key: String, names: Set<String>)] = [
        ("fim_pad_token_id", ["<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>"]),
        (
            "fim_rep_token_id",
            ["<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>"]
        ),
        ("fim_sep_token_id", ["<|file_sep|>"]),
    ]

    /// - Parameters:
    ///   - metadata: The file's metadata.
    ///   - tokens: Its vocabulary, where ids count from 0.
    /// - Returns: Ids of `tokens`.
    static func ids(
        _ metadata: [String: GGUFValue], _ tokens: [(token: String, id: Int)]
    ) -> Set<Int32> {
        var names = names
        for (key, others) in unlessKeyed where metadata["tokenizer.ggml.\(key)"] == nil {
            names.formUnion(others)
        }
        var found: [String: Int32] = [:]
        for (token, id) in tokens where names.contains(token) { found[token] = Int32(id) }
        // Messages of these models have parts that end so.
        let has = { found[$0] != nil }
        if has("<|return|>") && has("<|call|>")
            || (has("<|call|>") || has("<|calls|>")) && has("<|flush|>")
        {
            found["<|end|>"] = nil
        }
        if has("<|tool_response>") { found["</s>"] = nil }
        let keyed = keys.compactMap { key -> Int32? in
            guard case .integer(let id)? = metadata["tokenizer.ggml.\(key)"],
                tokens.indices.contains(Int(id))
            else { return nil }
            return Int32(id)
        }
        return Set(found.values).union(keyed)
    }
}
