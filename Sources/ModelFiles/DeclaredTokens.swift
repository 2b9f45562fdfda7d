import Foundation

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
        public var isSpecial = true
        public var isNormalized = false
        public var stripsLeft = false
        public var stripsRight = false
        public var isSingleWord = false
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
        for (name, content) in tokenizerClass.usualTokens where !roles.has(name) {
            let place = "\(folder): \(name), as \(tokenizerClass.rawValue) has it"
            roles.set(name, Token(content: content, place: place))
        }
        named = roles.named
        additional = roles.additional
        listed =
            isListComplete
            ? try settings.listedTokens()
            : try TokenFile("added_tokens.json", in: folder).addedTokens(
                specials: Set((named.map(\.token) + additional).map { Array($0.content.utf8) }))
        listed.sort { $0.id < $1.id }
    }

    /// The token of a role.
    public func token(named name: String) -> Token? { named.first { $0.name == name }?.token }
}

/// The roles that tokens can have, filled one file after the other.
private struct TokenRoles {
    private static let standard = [
        "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token",
    ]

    private var filled: [String: DeclaredTokens.Token?] = [:]
    /// Roles beyond the standard ones: those of `special_tokens_map.json` come first.
    private var mapped: [String] = []
    private var own: [String] = []
    private(set) var additional: [DeclaredTokens.Token] = []
    private var hasExtraTokens = false

    func has(_ name: String) -> Bool { filled[name] != nil }

    mutating func set(_ name: String, _ token: DeclaredTokens.Token?) {
        filled.updateValue(token, forKey: name)
        if !Self.standard.contains(name), !(mapped + own).contains(name) { own.append(name) }
    }

    var named: [(name: String, token: DeclaredTokens.Token)] {
        (Self.standard + mapped + own).compactMap { name in
            filled[name].flatMap { $0 }.map { (name, $0) }
        }
    }

    /// Reads `tokenizer_config.json`.
    mutating func take(_ file: TokenFile) throws(ModelFileError) {
        hasExtraTokens = file.members["extra_special_tokens"] != nil
        for name in file.members.keys where name.hasSuffix("_token") {
            guard Self.standard.contains(name) || file.isToken(name) else { continue }
            set(name, try file.token(name))
        }
        var key = "extra_special_tokens"
        if try file.tokens(key).isEmpty, try file.namedTokens(key).isEmpty {
            key = "additional_special_tokens"
        }
        additional = try file.tokens(key)
        for (name, token) in try file.namedTokens(key) { set(name, token) }
        hasExtraTokens = hasExtraTokens || !additional.isEmpty
    }

    /// Reads `special_tokens_map.json`.
    mutating func override(with file: TokenFile) throws(ModelFileError) {
        for name in file.members.keys where name.hasSuffix("_token") {
            let isStandard = Self.standard.contains(name)
            // Of other roles, those of tokenizer_config.json stay.
            guard isStandard || file.isToken(name) && !has(name) else { continue }
            if !isStandard { mapped.append(name) }
            set(name, try file.token(name, isSpecial: true))
        }
        if !hasExtraTokens {
            additional += try file.tokens("additional_special_tokens", isSpecial: true)
        }
        for token in try file.tokens("extra_special_tokens", isSpecial: true)
        where !additional.contains(where: { $0.content.utf8.elementsEqual(token.content.utf8) }) {
            additional.append(token)
        }
        for (name, token) in try file.namedTokens("extra_special_tokens") { set(name, token) }
    }
}

/// One of the files, of which any may be missing.
private struct TokenFile {
    let path: String
    let members: JSONObject

    init(_ name: String, in folder: String) throws(ModelFileError) {
        path = "\(folder)/\(name)"
        guard FileManager.default.fileExists(atPath: path) else {
            members = JSONObject()
            return
        }
        guard case .object(let members) = try JSONValue.read(path: path) else {
            throw ModelFileError("must hold one JSON object", file: path)
        }
        self.members = members
    }

    func flag(_ key: String) throws(ModelFileError) -> Bool? {
        switch members[key] {
        case nil, .null?: return nil
        case .boolean(let flag)?: return flag
        case let other?: throw wrong(key, other, "true or false")
        }
    }

    /// Whether a key that no standard role has names a token: only texts do.
    func isToken(_ key: String) -> Bool {
        switch members[key] {
        case .text?: return true
        case .object(let token)?: return token["content"] != nil
        default: return false
        }
    }

    /// The token under `key`; `nil` for `null`.
    func token(
        _ key: String, isSpecial: Bool = false
    ) throws(ModelFileError) -> DeclaredTokens.Token? {
        guard let value = members[key], value != .null else { return nil }
        return try token(value, key, isSpecial: isSpecial)
    }

    /// The list of tokens under `key`; none for `null` and for an object of named ones.
    func tokens(
        _ key: String, isSpecial: Bool = false
    ) throws(ModelFileError) -> [DeclaredTokens.Token] {
        switch members[key] {
        case nil, .null?, .object?: return []
        case .array(let values)?:
            var tokens: [DeclaredTokens.Token] = []
            for (index, value) in values.enumerated() {
                tokens.append(try token(value, "\(key)[\(index)]", isSpecial: isSpecial))
            }
            return tokens
        case let other?: throw wrong(key, other, "a list of tokens")
        }
    }

    /// The tokens under `key` where it is an object of names.
    func namedTokens(
        _ key: String
    ) throws(ModelFileError) -> [(name: String, token: DeclaredTokens.Token)] {
        guard case .object(let named)? = members[key] else { return [] }
        var tokens: [(name: String, token: DeclaredTokens.Token)] = []
        for name in named.keys {
            tokens.append((name, try token(named[name] ?? .null, "\(key).\(name)")))
        }
        return tokens
    }

    /// `added_tokens_decoder`: tokens by ids.
    func listedTokens() throws(ModelFileError) -> [(id: Int, token: DeclaredTokens.Token)] {
        let key = "added_tokens_decoder"
        guard case .object(let tokens)? = members[key] else {
            throw wrong(key, members[key] ?? .null, "an object of tokens by their ids")
        }
        var listed: [(id: Int, token: DeclaredTokens.Token)] = []
        for name in tokens.keys {
            let value = tokens[name] ?? .null
            guard let id = Int32(name), id >= 0, case .object = value else {
                throw wrong("\(key).\(name)", value, "a token's object under its id")
            }
            listed.append((Int(id), try token(value, "\(key).\(name)")))
        }
        return listed
    }

    /// `added_tokens.json`: ids by tokens; those among `specials` are special.
    func addedTokens(
        specials: Set<[UInt8]>
    ) throws(ModelFileError) -> [(id: Int, token: DeclaredTokens.Token)] {
        var listed: [(id: Int, token: DeclaredTokens.Token)] = []
        for content in members.keys {
            let value = members[content] ?? .null
            guard case .integer(let number) = value, let id = Int32(exactly: number), id >= 0 else {
                throw wrong(content.quoted, value, "a token id")
            }
            let isSpecial = specials.contains(Array(content.utf8))
            listed.append(
                (
                    Int(id),
                    DeclaredTokens.Token(
                        content: content, place: path, isSpecial: isSpecial,
                        isNormalized: !isSpecial)
                ))
        }
        return listed
    }

    /// A token is a text, which then is special, or an object.
    private func token(
        _ value: JSONValue, _ key: String, isSpecial: Bool = false
    ) throws(ModelFileError) -> DeclaredTokens.Token {
        let place = "\(path): \(key)"
        switch value {
        case .text(let content): return DeclaredTokens.Token(content: content, place: place)
        case .object(let members):
            guard case .text(let content)? = members["content"] else {
                throw wrong("\(key).content", members["content"] ?? .null, "a text")
            }
            func flag(_ name: String, absent: Bool) throws(ModelFileError) -> Bool {
                switch members[name] {
                case nil, .null?: return absent
                case .boolean(let flag)?: return flag
                case let other?: throw wrong("\(key).\(name)", other, "true or false")
                }
            }
            let special = try flag("special", absent: false) || isSpecial
            return DeclaredTokens.Token(
                content: content, place: place, isSpecial: special,
                isNormalized: try flag("normalized", absent: !special),
                stripsLeft: try flag("lstrip", absent: false),
                stripsRight: try flag("rstrip", absent: false),
                isSingleWord: try flag("single_word", absent: false))
        default: throw wrong(key, value, "a token: a text, or an object with its content")
        }
    }

    private func wrong(_ key: String, _ value: JSONValue, _ expected: String) -> ModelFileError {
        ModelFileError("must be \(expected), and is \(value.shown)", file: path, part: key)
    }
}
