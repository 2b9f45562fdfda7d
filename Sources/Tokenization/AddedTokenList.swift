import JSON
import ModelFiles
import Words

/// The added tokens of a folder, with the ids that Hugging Face `tokenizers` gives them.
///
/// A token of the vocabulary keeps its id; another one gets the next. An id that a file declares
/// decides nothing there, so that one that differs is refused: nobody could say which of the two
/// the model has learned.
///
/// Source: Hugging Face `tokenizers`, `added_vocabulary.rs`, `add_tokens`.
struct AddedTokenList {
    private(set) var tokens: [AddedToken] = []
    /// Of `tokens`, by content.
    private var indices: [[UInt8]: Int] = [:]
    private let vocabulary: JSONObject
    /// All ids of a vocabulary whose ids have gaps; an id in such a gap is free, others may not be.
    private let takenIDs: Set<Int>
    private var nextID: Int
    private let source: String

    /// - Parameter vocabulary: `model.vocab`, of which `definition` has the ids.
    init(_ vocabulary: JSONObject, _ definition: TokenizerDefinition) {
        self.vocabulary = vocabulary
        source = definition.source
        nextID = definition.vocabulary.count
        let largest = definition.vocabulary.reduce(-1) { max($0, $1.id) }
        takenIDs = largest < nextID ? [] : Set(definition.vocabulary.map(\.id))
    }

    func contains(_ content: String) -> Bool { indices[Array(content.utf8)] != nil }

    /// The id of an added token.
    func id(of content: String) -> Int32? {
        indices[Array(content.utf8)].map { tokens[$0].id }
    }

    /// Adds a token, or gives one that is there other flags.
    ///
    /// - Parameters:
    ///   - token: Its id is ignored.
    ///   - declaredID: The id that a file gives it.
    ///   - place: File and key.
    mutating func add(
        _ token: AddedToken, declaredID: Int? = nil, at place: String
    ) throws(TokenizationError) {
        guard !token.content.isEmpty else { return }
        var token = token
        let content = Array(token.content.utf8)
        if let index = indices[content] {
            token.id = tokens[index].id
            tokens[index] = token
        } else {
            token.id = try newID(of: token.content, at: place)
            indices[content] = tokens.count
            tokens.append(token)
        }
        guard let declaredID, declaredID != Int(token.id) else { return }
        throw TokenizationError(
            "added token '\(token.content.excerpt())' has id \(declaredID), and transformers gives "
                + "it \(token.id), as \(source) has it or as the next after the others", at: place,
            hint: "The files contradict each other: take those that the model was trained with")
    }

    private mutating func newID(of content: String, at place: String) throws(TokenizationError)
        -> Int32
    {
        if case .integer(let id)? = vocabulary[content], let id = Int32(exactly: id) {
            nextID = max(nextID, Int(id) + 1)
            return id
        }
        guard !takenIDs.contains(nextID), let id = Int32(exactly: nextID) else {
            throw TokenizationError(
                "added token '\(content.excerpt())' would get id \(nextID), which another token "
                    + "of the vocabulary has: its ids have gaps", at: place,
                hint: "The files contradict each other: take those that the model was trained with")
        }
        nextID += 1
        return id
    }

    /// Makes a token special, as every token with a role is.
    mutating func makeSpecial(_ content: String) {
        guard let index = indices[Array(content.utf8)] else { return }
        tokens[index].isSpecial = true
    }
}

extension AddedToken {
    init(_ token: DeclaredTokens.Token) {
        self.init(
            content: token.content, id: -1, isSpecial: token.isSpecial,
            isNormalized: token.isNormalized, stripsLeft: token.stripsLeft,
            stripsRight: token.stripsRight, isSingleWord: token.isSingleWord)
    }
}
