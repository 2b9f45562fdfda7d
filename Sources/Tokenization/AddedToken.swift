/// A token that is recognised in text as a whole, before any pre-tokenizer sees it.
struct AddedToken: Sendable, Equatable {
    var content: String
    var id: Int32
    /// Left out of decoded text on request.
    var isSpecial = false
    /// Matched in normalized text, and normalized itself.
    var isNormalized = false
    /// Takes the white space before it.
    var stripsLeft = false
    /// Takes the white space after it.
    var stripsRight = false
    /// Does not match inside a word.
    var isSingleWord = false

    /// No real one comes near; it bounds the cost of matching.
    static let maximumLengthBytes = 1024
}
