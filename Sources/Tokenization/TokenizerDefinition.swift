/// What a tokenizer file says, whatever its format; not yet checked.
struct TokenizerDefinition {
    /// Where it comes from, for messages: a path, or `GGUF metadata`.
    var source: String
    /// Names of the lists in `source`, for messages.
    var vocabularyName = "model.vocab"
    var mergesName = "model.merges"

    /// Tokens as written in the vocabulary (``ByteAlphabet``), with their ids.
    var vocabulary: [(token: String, id: Int)]
    /// Pairs of tokens, the one that is merged first first.
    var merges: [(left: Substring, right: Substring)]
    var addedTokens: [AddedToken]
    var preTokenizer: PreTokenizer
    /// Text is brought to Unicode's normal form C first.
    var normalizesToNFC = false
    /// A word that is in the vocabulary is that token, whatever the merges say.
    var ignoresMerges = false
    /// Stands for bytes that the vocabulary lacks; without it they are left out.
    var unknownToken: String?
    /// A run of such bytes is one unknown token.
    var fusesUnknown = false
    var beginTokens: [Int32] = []
    var endToken: Int32?
}
