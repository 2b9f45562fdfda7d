import Faults
import Foundation
import ModelFiles
import Testing
import Tokenization

/// Folders that declare tokens in different files, with transformers as the judge
/// (scripts/fixtures/make-fixtures declared-tokens).
@Suite struct DeclaredTokenTests {
    /// A line of `declared/cases.jsonl`.
    private struct Case {
        let name: String
        let members: [String: Any]

        static func all() throws -> [Case] {
            let url = FixtureFiles.folder.appendingPathComponent("declared/cases.jsonl")
            return try String(contentsOf: url, encoding: .utf8).split(separator: "\n").map {
                let members = try #require(
                    try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
                return Case(
                    name: try #require(members["name"] as? String), members: members)
            }
        }

        func member<Member>(_ key: String) throws -> Member {
            try #require(members[key] as? Member, "\(name): \(key)")
        }

        /// Writes the folder and calls `body` with its path.
        func withFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
            let base: String = try member("base")
            let own = try FixtureFiles.json("declared/\(base).json")
            let document = own.merging(try member("root")) { $1 }
            let files: [String: Any] = try member("files")
            return try DeclaredTokenTests.withFolder(
                files.merging(["tokenizer.json": document]) { $1 }, body)
        }
    }

    /// - Parameter files: Texts, or objects whose members may change places.
    private static func withFolder<Result>(
        _ files: [String: Any], _ body: (String) throws -> Result
    ) throws -> Result {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("declared-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        for (name, content) in files {
            let data =
                try (content as? String).map { Data($0.utf8) }
                ?? JSONSerialization.data(withJSONObject: content)
            try data.write(to: folder.appendingPathComponent(name))
        }
        return try body(folder.path)
    }

    @Test func everyFolderGivesTheJudgesTokens() throws {
        let cases = try Case.all()
        #expect(cases.count > 80)
        for test in cases {
            try test.withFolder { folder in
                let tokenizer = try Tokenizer(folder: folder)
                let ids: [String: [Int]] = try test.member("ids")
                for (text, expected) in ids {
                    let found = tokenizer.encode(text).map(Int.init)
                    #expect(found == expected, "\(test.name): \(text.debugDescription)")
                }
                #expect(
                    tokenizer.endToken.map(Int.init) == test.members["end"] as? Int, "\(test.name)")
                let begin: [Int] = try test.member("begin")
                #expect(
                    (tokenizer.beginTokens + tokenizer.closingTokens).map(Int.init) == begin,
                    "\(test.name)")
                #expect(
                    tokenizer.vocabularySize == (try test.member("size") as Int), "\(test.name)")
                let special = (0..<Int32(tokenizer.vocabularySize)).filter {
                    tokenizer.decode([$0], skipSpecial: true).isEmpty
                        && !tokenizer.decode([$0], skipSpecial: false).isEmpty
                }
                let expected: [Int] = try test.member("special")
                #expect(special.map(Int.init) == expected, "\(test.name)")
            }
        }
    }

    @Test func rolesAndClassesAreTheJudges() throws {
        for test in try Case.all() {
            try test.withFolder { folder in
                let declared = try DeclaredTokens(folder: folder)
                let roles: [String: String] = try test.member("roles")
                let found = Dictionary(
                    uniqueKeysWithValues: declared.named.map { ($0.name, $0.token.content) })
                #expect(found == roles, "\(test.name)")
                #expect(
                    declared.tokenizerClass.rawValue == (try test.member("class") as String),
                    "\(test.name)")
            }
        }
    }

    // MARK: Refusals

    /// The message for a folder of the byte-level base and these files.
    private func message(
        _ files: [String: Any], added: [[String: Any]] = [], base: String = "byte-level",
        root: [String: Any] = [:]
    ) throws -> String {
        var document = try FixtureFiles.json("declared/\(base).json").merging(root) { $1 }
        let own = try #require(document["added_tokens"] as? [[String: Any]])
        document["added_tokens"] = own + added
        return try Self.withFolder(files.merging(["tokenizer.json": document]) { $1 }) { folder in
            let error = #expect(throws: TokenizationError.self) { try Tokenizer(folder: folder) }
            return (error?.description ?? "").replacingOccurrences(of: folder, with: "DIR")
        }
    }

    private func settings(_ members: [String: Any]) -> [String: Any] {
        [
            "tokenizer_config.json":
                ["tokenizer_class": "PreTrainedTokenizerFast"].merging(members) { $1 }
        ]
    }

    /// Ids end at 299, and "the" is 263.
    @Test func idsThatContradictEachOtherAreRefusedByFileAndKey() throws {
        let gap = try message(settings(["added_tokens_decoder": ["305": ["content": "<x>"]]]))
        #expect(
            gap.hasPrefix(
                "DIR/tokenizer_config.json: added_tokens_decoder.305: added token '<x>' has id 305, "
                    + "and transformers gives it 300"))
        let word = try message(settings(["added_tokens_decoder": ["5": ["content": "the"]]]))
        #expect(word.contains("added_tokens_decoder.5: added token 'the' has id 5"))
        #expect(word.contains("transformers gives it 263"))
        let renamed = try message(settings(["added_tokens_decoder": ["263": ["content": "<x>"]]]))
        #expect(renamed.contains("added token '<x>' has id 263, and transformers gives it 300"))
        let own: [[String: Any]] = [["id": 300, "content": "<x>"], ["id": 301, "content": "<y>"]]
        let swapped = try message(["added_tokens.json": ["<y>": 302]], added: own)
        #expect(
            swapped.hasPrefix("DIR/added_tokens.json: added token '<y>' has id 302, and")
                && swapped.contains("gives it 301"))
        let apart = try message([:], added: [["id": 310, "content": "<x>"]])
        #expect(
            apart.hasPrefix("DIR/tokenizer.json: added_tokens[1]: added token '<x>' has id 310"))
    }

    @Test func aTokenOfAVocabularyWithGapsNeedsAFreeID() throws {
        var document = try FixtureFiles.json("declared/byte-level.json")
        var model = try #require(document["model"] as? [String: Any])
        let vocabulary = try #require(model["vocab"] as? [String: Int])
        model["vocab"] = vocabulary.mapValues { $0 < 290 ? $0 : $0 + 10 }
        document["model"] = model
        let text = try message(settings(["eos_token": "<x>"]), root: document)
        #expect(text.hasPrefix("DIR/tokenizer_config.json: eos_token: added token '<x>' would get"))
        #expect(text.contains("id 300, which another token of the vocabulary has"))
    }

    @Test func aTokenWithoutARowInTheModelIsRefused() throws {
        func files(_ key: String, _ size: Int) -> [String: Any] {
            var files = settings([key: "<x>"])
            files["config.json"] = ["vocab_size": size, "eos_token_id": 0] as [String: Any]
            return files
        }
        let end = try message(files("eos_token", 300))
        #expect(
            end.hasPrefix(
                "DIR/tokenizer_config.json: eos_token: eos_token is token 300, and the model knows "
                    + "300 (vocab_size of config.json)"))
        // With a row, or for a token that nothing puts into a text by itself, as transformers.
        for (key, size, expected) in [("eos_token", 301, 300), ("pad_token", 300, 0)] {
            let all = files(key, size).merging(
                ["tokenizer.json": try FixtureFiles.json("declared/byte-level.json")]) { $1 }
            let found = try Self.withFolder(all) { try Tokenizer(folder: $0).endToken }
            #expect(found == Int32(expected))
        }
        let outside = try message(["config.json": ["vocab_size": 300, "eos_token_id": [300]]])
        #expect(outside.contains("config.json: eos_token_id[0]: eos_token_id is token 300"))
    }

    @Test func settingsThatWouldGiveOtherIDsAreRefused() throws {
        #expect(
            try message(settings(["split_special_tokens": true]))
                .contains("split_special_tokens true is not supported"))
        #expect(
            try message(settings(["fast_tokenizer_files": ["tokenizer.4.0.0.json"]]))
                .hasPrefix("DIR/tokenizer_config.json: fast_tokenizer_files[0]"))
        var model = try #require(
            try FixtureFiles.json("declared/byte-level.json")["model"] as? [String: Any])
        model["dropout"] = 0.1
        #expect(
            try message([:], root: ["model": model])
                .hasPrefix("DIR/tokenizer.json: model.dropout: leaves merges out"))
        for (value, part) in [(7 as Any, "eos_token"), (["lstrip": true], "eos_token.content")] {
            #expect(
                try message(settings(["eos_token": value]))
                    .hasPrefix("DIR/tokenizer_config.json, \(part): must be"))
        }
        for (value, part) in [
            (7 as Any, "added_tokens_decoder"), (["0": "<x>"], "added_tokens_decoder.0"),
            (["x": ["content": "<x>"]], "added_tokens_decoder.x"),
        ] {
            #expect(
                try message(settings(["added_tokens_decoder": value]))
                    .hasPrefix("DIR/tokenizer_config.json, \(part): must be"))
        }
        #expect(
            try message(["added_tokens.json": ["<x>": "300"]])
                .hasPrefix("DIR/added_tokens.json, '<x>': must be a token id"))
    }

    @Test func aClassThatTheFilesContradictIsRefused() throws {
        func of(_ name: String, _ others: [String: Any] = [:]) -> [String: Any] {
            settings(["tokenizer_class": name].merging(others) { $1 })
        }
        let lost = try message(
            of("GPT2Tokenizer", ["added_tokens_decoder": ["0": ["content": "<|endoftext|>"]]]),
            added: [["id": 300, "content": "<x>"]])
        #expect(lost.hasPrefix("DIR/tokenizer.json: added_tokens[1]: '<x>' is an added token here"))
        #expect(lost.contains("reads for a GPT2Tokenizer"))
        let other = try message(of("GPT2Tokenizer"), base: "text")
        #expect(other.contains("than a GPT2Tokenizer of transformers 5, which is byte-level"))
        let digits: [String: Any] = ["type": "Digits", "individual_digits": true]
        let more = try message(
            of("LlamaTokenizer"), base: "text", root: ["pre_tokenizer": digits])
        #expect(more.contains("than a LlamaTokenizer of transformers 5"))
        let never: [String: Any] = [
            "type": "Replace", "pattern": ["String": " "], "content": "\u{2581}",
        ]
        let prefix = try message(of("LlamaTokenizer"), base: "text", root: ["normalizer": never])
        #expect(prefix.contains("puts no ▁ before a text"))
    }

    /// transformers 5.24 forgets the digits of a GPT2Tokenizer's tokenizer.json; the model was
    /// trained with them.
    @Test func stagesOfAByteLevelFileStay() throws {
        let byteLevel: [String: Any] = [
            "type": "ByteLevel", "add_prefix_space": false, "use_regex": true,
        ]
        var document = try FixtureFiles.json("declared/byte-level.json")
        document["pre_tokenizer"] =
            [
                "type": "Sequence",
                "pretokenizers": [["type": "Digits", "individual_digits": true], byteLevel],
            ] as [String: Any]
        let files = settings(["tokenizer_class": "GPT2Tokenizer"]).merging(
            ["tokenizer.json": document]) { $1 }
        let ids = try Self.withFolder(files) { try Tokenizer(folder: $0).encode("2023") }
        #expect(ids.count == 4)
    }

    // MARK: What ends a text

    @Test func theEndTokenOfTheModelStandsInForOneThatTheTokenizerLacks() throws {
        func end(_ files: [String: Any]) throws -> Int32? {
            let document = try FixtureFiles.json("declared/byte-level.json")
            return try Self.withFolder(files.merging(["tokenizer.json": document]) { $1 }) {
                try Tokenizer(folder: $0).endToken
            }
        }
        let model: [String: Any] = ["eos_token_id": [5, 6]]
        #expect(try end(["config.json": model]) == 5)
        #expect(
            try end(["config.json": model, "generation_config.json": ["eos_token_id": [7, 5]]])
                == 7)
        #expect(
            try end(["config.json": model, "generation_config.json": ["temperature": 1]]) == 5)
        let named = settings(["eos_token": "the"])
        #expect(try end(named.merging(["config.json": model]) { $1 }) == 263)
        #expect(try end([:]) == nil)
    }

    @Test func aGGUFFileStopsWhereLlamaCppDoes() throws {
        let bytes = TokenizerFileMaker().vocabulary.sorted { $0.value < $1.value }.map(\.key)
        func stops(_ tokens: [String], _ keys: [String: Int64]) throws -> Set<Int32> {
            var metadata: [String: GGUFValue] = [
                "tokenizer.ggml.model": .text("gpt2"), "tokenizer.ggml.pre": .text("gpt-2"),
                "tokenizer.ggml.tokens": .texts(bytes + tokens),
                "tokenizer.ggml.merges": .texts(["a b"]),
            ]
            for (key, id) in keys { metadata["tokenizer.ggml.\(key)_token_id"] = .integer(id) }
            return try Tokenizer(ggufMetadata: metadata).stopTokens
        }
        // 257 tokens come before.
        #expect(try stops([], ["eos": 3, "eot": 4, "eom": 5, "bos": 6]) == [3, 4, 5])
        #expect(try stops(["<|im_end|>", "<x>", "<|endoftext|>"], ["eos": 257]) == [257, 259])
        #expect(try stops(["<|file_sep|>", "<PAD>"], ["eos": 3]) == [3, 257, 258])
        #expect(try stops(["<|file_sep|>", "<PAD>"], ["eos": 3, "fim_sep": 4]) == [3, 4, 258])
        #expect(try stops(["<|end|>", "<|call|>"], [:]) == [257, 258])
        #expect(try stops(["<|end|>", "<|call|>", "<|return|>"], [:]) == [258, 259])
        #expect(try stops(["</s>"], [:]) == [257])
        #expect(try stops(["</s>", "<|tool_response>"], [:]) == [258])
    }
}
