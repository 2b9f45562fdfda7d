public import ModelFiles
import Synchronization
import Words

/// A byte-pair encoding, byte-level (GPT-2, Llama 3, Qwen, SmolLM) or of SentencePiece's kind
/// (Llama 2, Mistral, Gemma).
///
/// `encode` gives the ids that Hugging Face `tokenizers` gives with `add_special_tokens=False`:
/// added tokens are found in the text, the rest is normalized and cut into words, and in each word
/// pairs of tokens are merged. Anything that a file asks for and that is not supported is refused
/// by name when it is loaded.
public final class Tokenizer: Sendable {
    /// What the tokenizer's own post-processor puts before a text; usually nothing.
    public let beginTokens: [Int32]
    /// What the tokenizer's own post-processor puts behind a text; nearly always nothing.
    public let closingTokens: [Int32]
    /// The token that ends a response, `nil` if the files name none.
    public let endToken: Int32?
    /// Tokens that end a text when it is generated: the end token and, of a GGUF file, those at
    /// which llama.cpp stops. The lists of a folder belong to its model (`eosTokens`).
    public let stopTokens: Set<Int32>

    let vocabulary: Vocabulary
    let normalizer: Normalizer
    private let preTokenizer: PreTokenizer
    private let literalTokens: AddedTokenMatcher
    private let normalizedTokens: AddedTokenMatcher
    private let classes = CharacterClasses.shared
    private let words: WordModel
    /// The encoder that has seen the most words, while nobody uses it.
    private let idleEncoder: Mutex<WordEncoder?>

    /// Reads a Hugging Face folder: `tokenizer.json`, and of the files beside it the tokens that
    /// they declare, with the ids and the end token that transformers 5 has. Where no `eos_token`
    /// is named, the first `eos_token_id` of `generation_config.json`, or else of `config.json`, is
    /// the end token.
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
                "unk_token '\((definition.unknownToken ?? "").excerpt())' is not in the vocabulary",
                at: definition.source)
        }
        let marks = definition.beginTokens + definition.closingTokens
        for id in marks + (definition.endToken.map { [$0] } ?? [])
        where vocabulary.bytes(of: id).isEmpty {
            throw TokenizationError(
                "token id \(id), which begins or ends texts, is not in the vocabulary",
                at: definition.source, hint: "The files of the folder must be of one model")
        }
        words = try Self.words(definition, vocabulary, unknownToken ?? nil)
        idleEncoder = Mutex(nil)
        self.vocabulary = vocabulary
        beginTokens = definition.beginTokens
        closingTokens = definition.closingTokens
        endToken = definition.endToken
        stopTokens = definition.stopTokens.union([definition.endToken].compactMap { $0 })
        normalizer = definition.normalizer
        preTokenizer = Self.preTokenizer(definition)
        literalTokens = AddedTokenMatcher(
            tokens: definition.addedTokens.filter { !$0.isNormalized })
        let normalizer = definition.normalizer
        normalizedTokens = AddedTokenMatcher(
            tokens: definition.addedTokens.filter(\.isNormalized).map { token in
                var token = token
                let bytes = Array(token.content.utf8)
                if let changed = normalizer.normalized(bytes, 0..<bytes.count) {
                    token.content = String(decoding: changed, as: UTF8.self)
                }
                return token
            })
    }

    /// One more than the largest token id.
    public var vocabularySize: Int { vocabulary.size }

    /// The tokens of `text`; none are put before or after it.
    ///
    /// Added tokens (special ones too) that stand in the text become their ids. What the
    /// vocabulary has no token for becomes the unknown token, or, without one, nothing, as in
    /// Hugging Face tokenizers. Safe to call from several threads; many texts are encoded faster
    /// by an encoder for each thread (``makeEncoder()``).
    ///
    /// An expression that gives up, which takes a hostile text or pattern, leaves the text in one
    /// piece; an encoder says so instead.
    /// - Parameter continues: Whether the text goes on from another one, so that no blank that this
    ///   tokenizer begins texts with is put before it.
    /// - Complexity: O(n log n) for n bytes at worst; linear on text of ordinary words.
    public func encode(_ text: String, continues: Bool = false) -> [Int32] {
        let bytes = Array(text.utf8)
        var tokens: [Int32] = []
        tokens.reserveCapacity(bytes.count / 3)
        var encoder = takeEncoder()
        do throws(TokenizationError) {
            try encode(bytes, continues: continues, &encoder, ExpressionScratch(), into: &tokens)
        } catch {
            tokens = []
            encoder.encode(bytes, 0..<bytes.count, into: &tokens)
        }
        idleEncoder.withLock { $0 = encoder }
        return tokens
    }

    /// An encoder for one thread. Makes no copy of the vocabulary.
    public func makeEncoder() -> TokenEncoder { TokenEncoder(self, WordEncoder(words)) }

    /// Whether texts get a blank before them that they do not have.
    public var beginsWithBlank: Bool { encode("a") != encode("a", continues: true) }

    /// `tokens` with the begin tokens before them, unless they begin with these already.
    public func begun(_ tokens: [Int32]) -> [Int32] {
        tokens.starts(with: beginTokens) ? tokens : beginTokens + tokens
    }

    /// Appends the tokens of `bytes`, which is valid UTF-8.
    func encode(
        _ bytes: [UInt8], continues: Bool, _ encoder: inout WordEncoder,
        _ scratch: ExpressionScratch, into tokens: inout [Int32]
    ) throws(TokenizationError) {
        let beginning = continues ? PreTokenizer.Place.continued : .first
        for part in literalTokens.parts(of: bytes, 0..<bytes.count, classes) {
            switch part {
            case .token(let id): tokens.append(id)
            case .text(let range):
                let place = range.lowerBound == 0 ? beginning : .later
                if let changed = normalizer.normalized(
                    bytes, range, continues: place == .continued)
                {
                    let whole = 0..<changed.count
                    try encode(changed, whole, place, &encoder, scratch, &tokens)
                } else {
                    try encode(bytes, range, place, &encoder, scratch, &tokens)
                }
            }
        }
    }

    /// Encodes what lies between tokens that are matched literally.
    private func encode(
        _ bytes: [UInt8], _ range: Range<Int>, _ place: PreTokenizer.Place,
        _ encoder: inout WordEncoder, _ scratch: ExpressionScratch, _ tokens: inout [Int32]
    ) throws(TokenizationError) {
        for part in normalizedTokens.parts(of: bytes, range, classes) {
            switch part {
            case .token(let id): tokens.append(id)
            case .text(let piece):
                try preTokenizer.forEachWord(
                    in: bytes, piece, piece.lowerBound == range.lowerBound ? place : .later,
                    scratch
                ) { bytes, word in
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
        return idle ?? WordEncoder(words)
    }

    /// The text of `tokens`; bytes that are not UTF-8 turn into U+FFFD, unknown ids into nothing.
    ///
    /// With `skipSpecial`, special tokens are left out.
    public func decode(_ tokens: [Int32], skipSpecial: Bool) -> String {
        vocabulary.text(of: tokens, skipSpecial: skipSpecial)
    }

    /// Decodes tokens one by one, for text that is shown as it is made.
    public func makeStreamDecoder(skipSpecial: Bool = true) -> StreamDecoder {
        StreamDecoder(vocabulary: vocabulary, skipSpecial: skipSpecial)
    }

    private static func words(
        _ definition: TokenizerDefinition, _ vocabulary: Vocabulary, _ unknownToken: Int32?
    ) throws(TokenizationError) -> WordModel {
        let merging: WordModel.Merging =
            if let scores = definition.scores {
                .scores(
                    try TokenScores(
                        scores, vocabulary, at: "\(definition.source): tokenizer.ggml.scores"))
            } else {
                .pairs(try PairMerges(definition, vocabulary))
            }
        return WordModel(
            merging: merging, spelling: definition.spelling, ids: vocabulary.ids,
            byteTokens: vocabulary.byteTokens, unknownToken: unknownToken,
            fusesUnknown: definition.fusesUnknown, fallsBackToBytes: definition.fallsBackToBytes,
            wholeWords: definition.ignoresMerges ? wholeWords(definition) : nil,
            takesLineFeedsWhole: definition.takesLineFeedsWhole)
    }

    private static func wholeWords(_ definition: TokenizerDefinition) -> ByteStringTable {
        var table = ByteStringTable(minimumCapacity: definition.vocabulary.count)
        for (token, id) in definition.vocabulary {
            let bytes: [UInt8]
            switch definition.spelling {
            case .text: bytes = Array(token.utf8)
            case .byteLevel:
                guard let known = ByteAlphabet.bytes(of: token) else { continue }
                bytes = known
            }
            table.insert(bytes, 0..<bytes.count, value: Int32(id))
        }
        return table
    }

    /// Adds cuts that change no ids where words would otherwise be whole texts.
    private static func preTokenizer(_ definition: TokenizerDefinition) -> PreTokenizer {
        var preTokenizer = definition.preTokenizer
        if definition.spelling == .text, !definition.ignoresMerges,
            let stage = Metaspace.wordStage(for: definition.vocabulary)
        {
            preTokenizer.stages.append(stage)
        }
        return preTokenizer
    }
}
