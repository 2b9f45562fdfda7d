/// Encodes texts one after the other, for one thread: it remembers words and keeps its scratch
/// memory, and shares everything else with the other encoders of its tokenizer.
///
/// Ids do not depend on what was encoded before. Made by ``Tokenizer/makeEncoder()``.
public final class TokenEncoder {
    private let tokenizer: Tokenizer
    private var words: WordEncoder
    private let scratch = ExpressionScratch()
    private var text: [UInt8] = []

    init(_ tokenizer: Tokenizer, _ words: WordEncoder) {
        self.tokenizer = tokenizer
        self.words = words
    }

    /// Appends the tokens of `text` to `tokens`; none are put before or after them.
    ///
    /// - Parameter continues: As for ``Tokenizer/encode(_:continues:)``.
    /// - Throws: ``TokenizationError`` if an expression of the tokenizer gives up on the text.
    /// - Complexity: As ``Tokenizer/encode(_:continues:)``.
    public func encode(
        _ text: String, continues: Bool = false, into tokens: inout [Int32]
    ) throws(TokenizationError) {
        self.text.removeAll(keepingCapacity: true)
        self.text += text.utf8
        try tokenizer.encode(self.text, continues: continues, &words, scratch, into: &tokens)
    }

    /// Appends the tokens of UTF-8 text to `tokens`.
    ///
    /// - Throws: ``TokenizationError`` if `bytes` is not valid UTF-8, or an expression of the
    ///   tokenizer gives up on the text.
    public func encode(
        utf8 bytes: UnsafeRawBufferPointer, into tokens: inout [Int32]
    ) throws(TokenizationError) {
        guard UTF8Validation.isValid(bytes) else {
            throw TokenizationError("the text is not valid UTF-8", at: nil)
        }
        text.removeAll(keepingCapacity: true)
        text += bytes
        try tokenizer.encode(text, continues: false, &words, scratch, into: &tokens)
    }

    /// The tokens of `text`.
    ///
    /// - Throws: As ``encode(_:continues:into:)``.
    public func encode(
        _ text: String, continues: Bool = false
    ) throws(TokenizationError) -> [Int32] {
        var tokens: [Int32] = []
        try encode(text, continues: continues, into: &tokens)
        return tokens
    }
}

enum UTF8Validation {
    static func isValid(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.contains(where: { $0 >= 0x80 }) else { return true }
        return String(validating: bytes, as: UTF8.self) != nil
    }
}
