import JSON

/// The roles that tokens can have, filled one file after the other.
struct TokenRoles {
    private static let standard = [
        "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token",
    ]

    private var filled: [String: DeclaredTokens.Token?] = [:]
    /// Roles that `special_tokens_map.json` fills.
    private var filledByMap: Set<String> = []
    /// Roles beyond the standard ones: those of `tokenizer_config.json` come last.
    private var mapped: [String] = []
    private var own: [String] = []
    private var extra: [DeclaredTokens.Token] = []
    /// Additional tokens that are no extra ones: those of `special_tokens_map.json`, mostly.
    private var mappedExtra: [DeclaredTokens.Token] = []
    private var hasExtraTokens = false

    var additional: [DeclaredTokens.Token] { extra + mappedExtra }

    /// Contents that make a token of `added_tokens.json` a special one. Objects of
    /// `tokenizer_config.json` are none yet when transformers asks.
    var specials: Set<[UInt8]> {
        let standard = Self.standard.compactMap { name in
            filled[name].flatMap { $0 }.flatMap {
                $0.isText || filledByMap.contains(name) ? $0 : nil
            }
        }
        return Set((standard + extra.filter(\.isText)).map { Array($0.content.utf8) })
    }

    func has(_ name: String) -> Bool { filled[name] != nil }

    mutating func set(_ name: String, _ token: DeclaredTokens.Token?) {
        filled.updateValue(token, forKey: name)
        if !Self.standard.contains(name), !(mapped + own).contains(name) { own.append(name) }
    }

    /// Fills a role as the tokenizer's class does where no file has it.
    mutating func fill(_ name: String, _ token: DeclaredTokens.Token) {
        if !Self.standard.contains(name), !mapped.contains(name) {
            own.removeAll { $0 == name }
            mapped.append(name)
        }
        if !has(name) { filled.updateValue(token, forKey: name) }
    }

    var named: [(name: String, token: DeclaredTokens.Token)] {
        (Self.standard + mapped + own).compactMap { name in
            filled[name].flatMap { $0 }.map { (name, $0) }
        }
    }

    /// Reads `tokenizer_config.json`.
    mutating func take(_ file: TokenFile) throws(ModelFileError) {
        for name in file.members.keys where name.hasSuffix("_token") {
            guard Self.standard.contains(name) || file.isToken(name) else { continue }
            set(name, try file.token(name))
        }
        let additional = "additional_special_tokens"
        let named = try file.namedTokens("extra_special_tokens")
        extra = try file.tokens("extra_special_tokens")
        if !named.isEmpty {
            for (name, token) in named { set(name, token) }
            mappedExtra = try file.tokens(additional)
        } else if extra.isEmpty {
            // The one is the other's old name.
            extra = try file.tokens(additional)
            hasExtraTokens = file.members[additional] != nil || file.hasList("extra_special_tokens")
        } else {
            hasExtraTokens = true
        }
    }

    /// Reads `special_tokens_map.json`.
    mutating func override(with file: TokenFile) throws(ModelFileError) {
        for name in file.members.keys where name.hasSuffix("_token") {
            let isStandard = Self.standard.contains(name)
            // Of other roles, those of tokenizer_config.json stay.
            guard isStandard || file.isToken(name) && !has(name) else { continue }
            if !isStandard { mapped.append(name) }
            set(name, try file.token(name, isSpecial: true))
            filledByMap.insert(name)
        }
        if !hasExtraTokens, file.members["additional_special_tokens"] != nil {
            mappedExtra = try file.tokens("additional_special_tokens", isSpecial: true)
        }
        for token in try file.tokens("extra_special_tokens", isSpecial: true)
        where !extra.contains(where: { $0.content.utf8.elementsEqual(token.content.utf8) }) {
            extra.append(token)
        }
        for (name, token) in try file.namedTokens("extra_special_tokens") { set(name, token) }
    }
}
