import JSON

/// The tokens that the files of a Hugging Face folder declare beside `tokenizer.json`.
///
/// The precedence is that of transformers 5. Where `tokenizer_config.json` has
/// `added_tokens_decoder`, `special_tokens_map.json` and `added_tokens.json` are not read; elsewhere
/// the keys of the former, `null` included, win over those of `tokenizer_config.json`. A role that
/// no file fills is filled by the tokenizer's class.
///
/// Source: transformers 5.24, `PreTrainedTokenizerBase._from_pretrained` and
/// `TokenizersBackend.__init__`.
public struct DeclaredTokens: Sendable {
    /// A token and how it is found in text.
    public struct Token: Sendable, Equatable {
        public let content: String
        /// File and key, for messages.
        public let place: String
        /// Whether it is written as a text and not as an object with flags.
        public var isText = true
        public var isSpecial = true
        /// `normalized`, where an object has it.
        var normalized: Bool?
        public var stripsLeft = false
        public var stripsRight = false
        public var isSingleWord = false

        /// Whether it is looked for in the normalized text: usual for tokens that are not special.
        public var isNormalized: Bool { normalized ?? !isSpecial }
    }

    /// Tokens with roles, such as `eos_token`, in the order in which transformers adds them.
    public private(set) var named: [(name: String, token: Token)] = []
    /// Special tokens without a role.
    public private(set) var additional: [Token] = []
    /// Tokens with ids, by id.
    public private(set) var listed: [(id: Int, token: Token)] = []
    /// Whether `added_tokens_decoder` is there, which then is the whole list.
    public let isListComplete: Bool
    public let tokenizerClass: TokenizerClass
    /// `add_prefix_space` of `tokenizer_config.json`.
    public let addsPrefixSpace: Bool?
    /// `legacy` of `tokenizer_config.json`.
    public let isLegacy: Bool

    /// Reads the files that are there; none has to be.
    ///
    /// - Throws: ``ModelFileError`` if one is no JSON object, or a member is of the wrong kind.
    public init(folder: String) throws(ModelFileError) {
        let settings = try TokenFile("tokenizer_config.json", in: folder)
        let model = try TokenFile("config.json", in: folder)
        tokenizerClass = TokenizerClass(settings.members, model: model.members, folder: folder)
        addsPrefixSpace = try settings.flag("add_prefix_space")
        isLegacy = try settings.flag("legacy") ?? false
        isListComplete = settings.members["added_tokens_decoder"] != nil

        var roles = TokenRoles()
        try roles.take(settings)
        if !isListComplete {
            try roles.override(with: TokenFile("special_tokens_map.json", in: folder))
        }
        for (name, content) in tokenizerClass.usualTokens {
            let place = "\(folder): \(name), as \(tokenizerClass.rawValue) has it"
            roles.fill(name, Token(content: content, place: place))
        }
        named = roles.named
        additional = roles.additional
        listed =
            isListComplete
            ? try settings.listedTokens()
            : try TokenFile("added_tokens.json", in: folder).addedTokens(specials: roles.specials)
        listed.sort { $0.id < $1.id }
    }

    /// The token of a role.
    public func token(named name: String) -> Token? { named.first { $0.name == name }?.token }
}
