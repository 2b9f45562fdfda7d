public import ModelFiles
import Synchronization

/// A byte-level byte-pair encoding, as GPT-2, Llama-3 and SmolLM use it.
///
/// `encode` gives the ids that Hugging Face `tokenizers` gives with `add_special_tokens=False`:
/// added tokens are found in the text, the rest is cut into words by the pre-tokenizer, and in each
/// word pairs of tokens are merged. Anything that a file asks for and that is not
/// supported is refused by name when it is loaded.
public final class Tokenizer: Sendable {
    /// What the tokenizer's own post-processor puts before a text; usually nothing.
    public let beginTokens: [Int32]
    /// The token that ends a response, `nil` if the files name none.
    public let endToken: Int32?

    private let vocabulary: Vocabulary
    private let preTokenizer: PreTokenizer
    private let literalTokens: AddedTokenMatcher
    private let normalizedTokens: AddedTokenMatcher
    private let classes = CharacterClasses.shared
    private let emptyEncoder: WordEncoder
    /// The encoder that has seen the most words, while nobody uses it.
    private let idleEncoder: Mutex<WordEncoder?>

    /// Reads a Hugging Face folder: `tokenizer.json` and, for the end token,
    /// `tokenizer_config.json` (`eos_token`) or else `config.json` (`eos_token_id`).
    ///
    /// - Throws: ``TokenizationError`` if a file is missing or broken, or the kind not supported.
    public convenience init(folder: String) throws(TokenizationError) {
        try self.init(TokenizerFolder(path: folder).definition())
    }

    /// Reads the keys `tokenizer.ggml.…` of a GGUF file.
    ///
    /// - Parameters:
    ///   - ggufMetadata: The file's metadata.
    ///   - path: The file's path, for messages.
    /// - Throws: ``TokenizationError`` if keys are missing or wrong, or the kind is not supported.
    public convenience init(
        ggufMetadata: [String: GGUFValue], path: String = "GGUF metadata"
    ) throws(TokenizationError) {
        try self.init(GGUFTokenizer(metadata: ggufMetadata, path: path).definition())
    }

    init(_ definition: TokenizerDefinition) throws(TokenizationError) {
        let vocabulary = try Vocabulary(definition)
        let unknownToken = definition.unknownToken.map { vocabulary.ids.value(of: $0) }
        guard unknownToken != .some(nil) else {
            throw TokenizationError(
                "unk_token '\((definition.unknownToken ?? "").excerpt)' is not in the vocabulary",
                at: definition.source)
        }
        for id in definition.beginTokens + (definition.endToken.map { [$0] } ?? [])
        where vocabulary.bytes(of: id).isEmpty {
            throw TokenizationError(
                "token id \(id), which begins or ends texts, is not in the vocabulary",
                at: definition.source, hint: "The files of the folder must be of one model")
        }
        let encoder = WordEncoder(
            merges: try PairMerges(definition, vocabulary), byteTokens: vocabulary.byteTokens,
            unknownToken: unknownToken ?? nil, fusesUnknown: definition.fusesUnknown,
            wholeWords: definition.ignoresMerges ? Self.wholeWords(definition) : nil)
        emptyEncoder = encoder
        idleEncoder = Mutex(encoder)
        self.vocabulary = vocabulary
        beginTokens = definition.beginTokens
        endToken = definition.endToken
        preTokenizer = definition.preTokenizer
        literalTokens = AddedTokenMatcher(
            tokens: definition.addedTokens.filter { !$0.isNormalized })
        normalizedTokens = AddedTokenMatcher(tokens: definition.addedTokens.filter(\.isNormalized))
    }

    /// One more than the largest token id.
    public var vocabularySize: Int { vocabulary.size }

    /// The tokens of `text`; none are put before or after it.
    ///
    /// Added tokens (special ones too) that stand in the text become their ids. Bytes for which
    /// the vocabulary has no token become the unknown token, or, without one, nothing, as in
    /// Hugging Face tokenizers. Safe to call from several threads.
    /// - Complexity: O(n log n) for n bytes at worst; linear on text of ordinary words.
    public func encode(_ text: String) -> [Int32] {
        let bytes = Array(text.utf8)
        var tokens: [Int32] = []
        tokens.reserveCapacity(bytes.count / 3)
        var encoder = takeEncoder()
        literalTokens.forEachPart(in: bytes, 0..<bytes.count, classes) { part in
            switch part {
            case .token(let id): tokens.append(id)
            case .text(let range): encode(bytes, range, &encoder, &tokens)
            }
        }
        idleEncoder.withLock { $0 = encoder }
        return tokens
    }

    /// Encodes what lies between tokens that are matched literally.
    private func encode(
        _ bytes: [UInt8], _ range: Range<Int>, _ encoder: inout WordEncoder,
        _ tokens: inout [Int32]
    ) {
        normalizedTokens.forEachPart(in: bytes, range, classes) { part in
            switch part {
            case .token(let id): tokens.append(id)
            case .text(let range):
                preTokenizer.forEachWord(in: bytes, range, classes) { bytes, word in
                    encoder.encode(bytes, word, into: &tokens)
                }
            }
        }
    }

    private func takeEncoder() -> WordEncoder {
        let idle = idleEncoder.withLock { idle in
            defer { idle = nil }
            return idle
        }
        return idle ?? emptyEncoder
    }

    /// The text of `tokens`; bytes that are not UTF-8 turn into U+FFFD, unknown ids into nothing.
    ///
    /// With `skipSpecial`, special tokens are left out.
    public func decode(_ tokens: [Int32], skipSpecial: Bool) -> String {
        var bytes: [UInt8] = []
        for token in tokens where !(skipSpecial && vocabulary.isSpecial(token)) {
            bytes += vocabulary.bytes(of: token)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Decodes tokens one by one, for text that is shown as it is made.
    public func makeStreamDecoder(skipSpecial: Bool = true) -> StreamDecoder {
        StreamDecoder(vocabulary: vocabulary, skipSpecial: skipSpecial)
    }

    private static func wholeWords(_ definition: TokenizerDefinition) -> ByteStringTable {
        var table = ByteStringTable(minimumCapacity: definition.vocabulary.count)
        for (token, id) in definition.vocabulary {
            guard let bytes = ByteAlphabet.bytes(of: token) else { continue }
            table.insert(bytes, 0..<bytes.count, value: Int32(id))
        }
        return table
    }
}
