import Foundation
import JSON
import Words

/// One of the files that declare tokens, of which any may be missing.
struct TokenFile {
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

    /// Whether something stands under `key` that is no object of named tokens.
    func hasList(_ key: String) -> Bool {
        switch members[key] {
        case nil, .object?: false
        default: true
        }
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
                        content: content, place: path, isText: false, isSpecial: isSpecial,
                        normalized: !isSpecial)
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
            var normalized: Bool?
            if members["normalized"] ?? .null != .null {
                normalized = try flag("normalized", absent: false)
            }
            return DeclaredTokens.Token(
                content: content, place: place, isText: false, isSpecial: special,
                normalized: normalized,
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
