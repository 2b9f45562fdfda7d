import Foundation
import JSON
import ModelFiles
import Words

extension TokenizerFolder {
    /// What the files beside `tokenizer.json` declare.
    func declaredTokens() throws(TokenizationError) -> DeclaredTokens {
        try checkSettings()
        do throws(ModelFileError) {
            return try DeclaredTokens(folder: path)
        } catch {
            throw TokenizationError(error.problem, at: error.location ?? path, hint: error.hint)
        }
    }

    /// Refuses settings of `tokenizer_config.json` that give other ids and are not supported.
    private func checkSettings() throws(TokenizationError) {
        guard let settings = try node(of: "tokenizer_config.json") else { return }
        if try settings.boolean("split_special_tokens", default: false) {
            throw TokenizationError(
                "split_special_tokens true is not supported", at: settings.location,
                hint: "Set it to false: special tokens in texts, such as those of a chat template, "
                    + "are then one token each")
        }
        // One of another name is for another version of the library.
        for file in try settings["fast_tokenizer_files"]?.array() ?? []
        where try file.text() != "tokenizer.json" {
            throw TokenizationError(
                "a tokenizer file for certain versions is not supported", at: file.location,
                hint: "Remove fast_tokenizer_files to have tokenizer.json")
        }
    }

    private func node(of name: String) throws(TokenizationError) -> JSONNode? {
        let file = path + "/" + name
        return FileManager.default.fileExists(atPath: file) ? try JSONNode(path: file) : nil
    }

    // MARK: Added tokens

    /// The added tokens of `tokenizer.json`, which are `node`, and of the other files.
    func addedTokens(
        _ node: JSONNode?, _ declared: DeclaredTokens, _ empty: AddedTokenList
    ) throws(TokenizationError) -> [AddedToken] {
        var list = empty
        let own = try ownTokens(node)
        for (token, place) in own { try list.add(token, declaredID: Int(token.id), at: place) }
        let isRebuilt = declared.tokenizerClass != .backend
        if isRebuilt {
            try checkAreListed(own, declared)
            // A class adds all of them by their ids, those of tokenizer.json too.
            list = empty
        }
        // A token with a role is special, however it is listed.
        let roles = Set(declared.named.map { Array($0.token.content.utf8) })
        func added(_ token: DeclaredTokens.Token) -> AddedToken {
            var token = token
            token.isSpecial = token.isSpecial || roles.contains(Array(token.content.utf8))
            return AddedToken(token)
        }
        var listed = declared.listed.map { (id: $0.id, added($0.token), $0.token.place) }
        if !declared.isListComplete {
            let ids = Set(own.map { Int($0.token.id) })
            listed = listed.filter { !ids.contains($0.id) }
            if isRebuilt { listed += own.map { (Int($0.token.id), $0.token, $0.place) } }
            listed.sort { $0.id < $1.id }
        }
        for (id, token, place) in listed { try list.add(token, declaredID: id, at: place) }
        let known = list
        var texts: Set<[UInt8]> = []
        for token in declared.named.map(\.token) + declared.additional
        where !known.contains(token.content) {
            // The last one decides; but a text that was there as a text changes nothing.
            if token.isText, !texts.insert(Array(token.content.utf8)).inserted { continue }
            try list.add(added(token), at: token.place)
        }
        for (_, token) in declared.named { list.makeSpecial(token.content) }
        if declared.tokenizerClass == .qwen2 {
            // It adds them once more, without any flags.
            for token in declared.named.map(\.token) + declared.additional {
                let plain = AddedToken(content: token.content, id: -1, isSpecial: true)
                try list.add(plain, at: token.place)
            }
        }
        return list.tokens
    }

    private func ownTokens(
        _ node: JSONNode?
    ) throws(TokenizationError) -> [(token: AddedToken, place: String)] {
        var tokens: [(token: AddedToken, place: String)] = []
        for entry in try node?.array() ?? [] {
            let id = try entry.required("id").tokenID()
            let content = try entry.required("content").text()
            let isSpecial = try entry.boolean("special", default: false)
            guard !content.isEmpty else { continue }
            let token = AddedToken(
                content: content, id: id, isSpecial: isSpecial,
                isNormalized: try entry.boolean("normalized", default: !isSpecial),
                stripsLeft: try entry.boolean("lstrip", default: false),
                stripsRight: try entry.boolean("rstrip", default: false),
                isSingleWord: try entry.boolean("single_word", default: false))
            tokens.append((token, entry.location))
        }
        return tokens
    }

    /// A class that knows its pipeline itself reads no added tokens of `tokenizer.json` where
    /// `tokenizer_config.json` lists them.
    private func checkAreListed(
        _ own: [(token: AddedToken, place: String)], _ declared: DeclaredTokens
    ) throws(TokenizationError) {
        guard declared.isListComplete else { return }
        let others =
            (declared.listed.map(\.token) + declared.named.map(\.token)
                + declared.additional)
        let known = Set(others.map { Array($0.content.utf8) })
        for (token, place) in own where !known.contains(Array(token.content.utf8)) {
            let name = declared.tokenizerClass.rawValue
            throw TokenizationError(
                "'\(token.content.excerpt())' is an added token here and not in "
                    + "added_tokens_decoder of tokenizer_config.json, which is what transformers "
                    + "reads for a \(name)", at: place,
                hint: "Add it there, or set tokenizer_class to PreTrainedTokenizerFast")
        }
    }

    // MARK: End token

    /// The tokenizer's own end token, or else the first that ends the model's texts.
    func findEndToken(
        _ declared: DeclaredTokens, in definition: inout TokenizerDefinition
    ) throws(TokenizationError) {
        let model = try node(of: "config.json")
        if let token = declared.token(named: "eos_token") {
            definition.endToken = definition.id(of: token.content)
            try check(definition.endToken, "eos_token", token.place, model)
        } else {
            for file in [try node(of: "generation_config.json"), model] {
                guard definition.endToken == nil, var ids = file?["eos_token_id"] else { continue }
                if ids.isArray {
                    guard let first = try ids.array().first else { continue }
                    ids = first
                }
                definition.endToken = try ids.tokenID()
                try check(definition.endToken, "eos_token_id", ids.location, model)
            }
        }
        for id in definition.beginTokens {
            try check(id, "a begin token", "\(definition.source): post_processor", model)
        }
    }

    /// Refuses a token that the model has no row for.
    private func check(
        _ id: Int32?, _ name: String, _ place: String, _ model: JSONNode?
    ) throws(TokenizationError) {
        guard let id, let size = try model?["vocab_size"]?.integer(), id >= size else { return }
        throw TokenizationError(
            "\(name) is token \(id), and the model knows \(size) (vocab_size of config.json)",
            at: place,
            hint: "Name a token that the model was trained with, or take a model that has a row "
                + "for it")
    }
}
