import JSON
import Words

/// Sizes of a decoder that need not be on disk; its family tells the rest.
public struct DecoderSizes: Sendable {
    public var layers: Int
    public var width: Int
    public var heads: Int
    /// `nil`: as many as heads.
    public var keyValueHeads: Int?
    /// `nil`: as the family has it, which is width over heads in most.
    public var headDimension: Int?
    public var feedForward: Int
    public var vocabulary: Int
    /// `nil`: as the family has it.
    public var tiesEmbeddings: Bool?
    /// `nil`: as the family has it.
    public var positions: Int?

    public init(
        layers: Int, width: Int, heads: Int, keyValueHeads: Int? = nil, headDimension: Int? = nil,
        feedForward: Int, vocabulary: Int, tiesEmbeddings: Bool? = nil, positions: Int? = nil
    ) {
        self.layers = layers
        self.width = width
        self.heads = heads
        self.keyValueHeads = keyValueHeads
        self.headDimension = headDimension
        self.feedForward = feedForward
        self.vocabulary = vocabulary
        self.tiesEmbeddings = tiesEmbeddings
        self.positions = positions
    }

    /// Whether these are the sizes of a family that has neither key-value heads nor widths of heads.
    fileprivate var hasPlainHeads: Bool {
        (keyValueHeads ?? heads) == heads && headDimension.map { $0 * heads == width } ?? true
    }
}

extension DecoderConfiguration {
    /// Names of the families whose `config.json` is understood.
    public static var modelTypes: [String] { FamilyDescription.all.keys.sorted() }

    /// A decoder of some family and sizes: what its `config.json` would say, read by the same tables.
    ///
    /// - Parameters:
    ///   - modelType: One of ``modelTypes``.
    ///   - origin: What tells the sizes, for messages.
    /// - Throws: ``ModelFileError`` if the family cannot have these sizes.
    public init(
        modelType: String, _ sizes: DecoderSizes, origin: String
    ) throws(ModelFileError) {
        guard let description = FamilyDescription.all[modelType] else {
            throw ModelFileError(
                "family is \(modelType.quoted); choose among "
                    + Self.modelTypes.joined(separator: ", "), file: origin)
        }
        guard description.keyValueHeads != nil || sizes.hasPlainHeads else {
            throw ModelFileError(
                "a \(modelType) model has as many key-value heads as heads, and heads that "
                    + "make up the width", file: origin)
        }
        let counts: [(key: String?, count: Int?)] = [
            (description.vocabulary.key, sizes.vocabulary), (description.width.key, sizes.width),
            (description.layers.key, sizes.layers), (description.heads.key, sizes.heads),
            (description.keyValueHeads?.key, sizes.keyValueHeads ?? sizes.heads),
            ("head_dim", sizes.headDimension), (description.feedForward.key, sizes.feedForward),
            (description.positions.key, sizes.positions),
        ]
        var members = JSONObject()
        for case (let key?, let count?) in counts { members.set(key, .integer(count)) }
        if let ties = sizes.tiesEmbeddings { members.set("tie_word_embeddings", .boolean(ties)) }
        let reader = try ConfigurationObject(root: .object(members), file: origin)
        try self.init(reader, type: modelType, description, path: origin)
        eosTokens = description.eosTokens
        try description.complete(&self, reader)
    }
}
