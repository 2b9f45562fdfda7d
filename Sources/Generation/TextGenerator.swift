import Adapters
import Faults
public import Kernels
public import ModelFiles
public import Tokenization
public import Transformer

/// Continues a text with a model, with or without an adapter.
public struct TextGenerator: Sendable {
    private let files: BaseModel
    private let tokenizer: Tokenizer
    private let adapter: LowRankParameters?
    private let backend: Backend
    /// A text ends with any of these.
    private let endTokens: Set<Int32>

    /// Why a text ended.
    public enum Ending: Sendable, Equatable {
        case endToken
        case maximumTokens
        /// The model has no further positions.
        case positions
    }

    /// What was generated.
    public struct Outcome: Sendable, Equatable {
        /// Tokens of the prompt, begin tokens included.
        public let promptTokens: Int
        /// Without the end token.
        public let tokens: [Int32]
        public let ending: Ending
    }

    /// - Parameters:
    ///   - model: The base model.
    ///   - tokenizer: The model's own.
    ///   - adapter: Must fit the model; `nil` for the base model alone.
    ///   - backend: What computes.
    public init(
        model: BaseModel, tokenizer: Tokenizer, adapter: LowRankParameters?, backend: Backend
    ) {
        files = model
        self.tokenizer = tokenizer
        self.adapter = adapter
        self.backend = backend
        endTokens = tokenizer.stopTokens.union(model.configuration.eosTokens.map { Int32($0) })
    }

    /// Continues `prompt`.
    ///
    /// - Parameters:
    ///   - prompt: At least one token, with the begin tokens.
    ///   - addsBeginTokens: Whether the tokenizer's begin tokens come first, unless they stand there. Chat templates write
    ///     them themselves.
    ///   - method: How tokens are chosen.
    ///   - maximumTokens: Most tokens to generate, at least 1.
    ///   - onText: Called with each piece of text as soon as it is whole UTF-8; special tokens
    ///     are left out.
    /// - Returns: The tokens, and why there are no more.
    /// - Throws: ``GenerationError`` if the prompt is empty or too long, or if the model's numbers
    ///   are not finite; ``ModelFileError`` if weights are missing; what `onText` throws.
    public func generate(
        prompt: String, addsBeginTokens: Bool = true, method: TokenSampler.Method,
        maximumTokens: Int, onText: (String) throws -> Void
    ) throws -> Outcome {
        precondition(maximumTokens > 0, "\(maximumTokens) tokens")
        let given = try tokenizer.makeEncoder().encode(prompt)
        let promptTokens = addsBeginTokens ? tokenizer.begun(given) : given
        try check(promptTokens)
        let positions = files.configuration.maximumPositions
        let room = positions - promptTokens.count
        let capacity = promptTokens.count + min(maximumTokens, room)
        let model = try LanguageModel(files: files, backend: backend, positions: capacity)
        let decoder = IncrementalDecoder(model: model, adapter: adapter, capacity: capacity)

        var sampler = TokenSampler(method)
        var text = tokenizer.makeStreamDecoder()
        var tokens: [Int32] = []
        var ending = Ending.maximumTokens
        var logits = decoder.append(promptTokens)
        while true {
            let token = try sampler.next(logits)
            if endTokens.contains(token) {
                ending = .endToken
                break
            }
            tokens.append(token)
            let piece = text.append(token)
            if !piece.isEmpty { try onText(piece) }
            if tokens.count == maximumTokens { break }
            if tokens.count == room {
                ending = .positions
                break
            }
            logits = decoder.append([token])
        }
        let rest = text.finish()
        if !rest.isEmpty { try onText(rest) }
        return Outcome(promptTokens: promptTokens.count, tokens: tokens, ending: ending)
    }

    private func check(_ prompt: [Int32]) throws(GenerationError) {
        guard !prompt.isEmpty else {
            throw GenerationError(
                "--prompt", "is empty", hint: "Give at least one character to go on from")
        }
        let positions = files.configuration.maximumPositions
        guard prompt.count < positions else {
            throw GenerationError(
                "--prompt",
                "has \(prompt.count) tokens; this model has \(positions) positions in all",
                hint: "Shorten it")
        }
        let vocabulary = files.configuration.vocabularySize
        if let stranger = prompt.first(where: { Int($0) >= vocabulary }) {
            throw GenerationError(
                files.path,
                "its tokenizer gives token \(stranger), and the model knows \(vocabulary)",
                hint: "Tokenizer and weights must be of one model")
        }
    }
}
