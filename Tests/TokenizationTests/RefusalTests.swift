import Faults
import Foundation
import ModelFiles
import Testing
import Tokenization

/// Files that are broken or of another kind: one clear line each.
@Suite struct RefusalTests {
    /// The message for a folder that `change` has spoiled.
    private func message(
        _ change: (inout TokenizerFileMaker) -> Void = { _ in }
    ) throws -> String {
        var maker = TokenizerFileMaker()
        change(&maker)
        return try maker.withFolder { folder in
            let error = #expect(throws: TokenizationError.self) { try Tokenizer(folder: folder) }
            return (error?.description ?? "").replacingOccurrences(of: folder, with: "DIR")
        }
    }

    @Test func otherKindsOfTokenizerAreNamed() throws {
        for type in ["WordPiece", "Unigram", "WordLevel"] {
            let text = try message { $0.model["type"] = type }
            #expect(
                text.hasPrefix(
                    "DIR/tokenizer.json: model: a tokenizer of type '\(type)' is not supported"))
        }
        #expect(
            try message { $0.model["end_of_word_suffix"] = "</w>" }.contains("end_of_word_suffix"))
    }

    @Test func otherStagesAreNamed() throws {
        let cases: [(key: String, value: [String: Any], part: String)] = [
            ("pre_tokenizer", ["type": "BertPreTokenizer"], "'BertPreTokenizer'"),
            ("pre_tokenizer", split("[a&&b]"), "class set operation &&"),
            ("pre_tokenizer", split(#"\p{Alnum}"#), #"uses \p{Alnum}"#),
            ("pre_tokenizer", split("(?~a)"), "uses (?~"),
            ("pre_tokenizer", split("a{2}+"), "'+' after {2}"),
            ("pre_tokenizer", split("(a"), "cannot be compiled: missing closing parenthesis"),
            ("pre_tokenizer", split("a", behavior: "Kept"), "behavior 'Kept'"),
            ("pre_tokenizer", ["type": "Metaspace", "replacement": "_"], "replacement '_'"),
            ("normalizer", ["type": "StripAccents"], "'StripAccents'"),
            ("normalizer", ["type": "Precompiled"], "'Precompiled'"),
            (
                "normalizer",
                ["type": "Replace", "pattern": ["Regex": "a"], "content": "b"],
                "a Regex is not supported"
            ),
            ("decoder", ["type": "WordPiece"], "'WordPiece'"),
            ("decoder", ["type": "Strip", "content": "x", "start": 1], "Strip of anything but"),
            ("post_processor", ["type": "BertProcessing"], "'BertProcessing'"),
        ]
        for (key, value, part) in cases {
            let text = try message { $0.root[key] = value }
            #expect(text.hasPrefix("DIR/tokenizer.json: \(key)"))
            #expect(text.contains(part))
        }
    }

    private func split(_ expression: String, behavior: String = "Isolated") -> [String: Any] {
        [
            "type": "Split", "pattern": ["Regex": expression], "behavior": behavior,
            "invert": false,
        ]
    }

    @Test func vocabulariesThatContradictThemselvesAreRefused() throws {
        #expect(try message { $0.vocabulary["ab"] = -1 }.contains("between 0 and"))
        #expect(try message { $0.vocabulary["ab"] = 1 << 40 }.contains("between 0 and"))
        #expect(try message { $0.vocabulary["ab"] = 7 }.contains("id 7 is given to two tokens"))
        #expect(try message { $0.vocabulary["e"] = nil }.contains("no token 'e' for byte 101"))
        #expect(try message { $0.vocabulary = [:] }.contains("the vocabulary is empty"))
        let added = try message { $0.root["added_tokens"] = [["id": 5, "content": "<x>"]] }
        #expect(added.contains("added token '<x>' has id 5, and transformers gives it 257"))
        let long = String(repeating: "x", count: 5000)
        let tooLong = try message { $0.root["added_tokens"] = [["id": 257, "content": long]] }
        #expect(tooLong.contains("has 5000 bytes"))
        #expect(tooLong.utf8.count < 200)
    }

    @Test func mergesMustFitTheVocabulary() throws {
        #expect(try message { $0.merges = [] }.contains("the tokenizer has no merges"))
        #expect(try message { $0.merges = [["a", "zz"]] }.contains("merge 0 ('a' and 'zz')"))
        #expect(try message { $0.merges = [["c", "d"]] }.contains("not in the vocabulary"))
        #expect(try message { $0.merges = ["a b c"] }.contains("merge 0 must be two tokens"))
        #expect(try message { $0.merges = [7] }.contains("merge 0 must be two tokens"))
    }

    @Test func endTokensMustExist() throws {
        let outside = try message { $0.otherFiles["config.json"] = #"{"eos_token_id": 9999}"# }
        #expect(outside.contains("token id 9999"))
        let wrongType = try message { $0.otherFiles["config.json"] = #"{"eos_token_id": "x"}"# }
        #expect(wrongType.hasPrefix("DIR/config.json: eos_token_id is "))
    }

    @Test(.timeLimit(.minutes(10))) func brokenFilesAreNamed() throws {
        let maker = TokenizerFileMaker()
        try maker.withFolder { folder in
            let file = folder + "/tokenizer.json"
            let whole = try Data(contentsOf: URL(fileURLWithPath: file))
            let spoiled: [Data] = [
                Data(), Data("[]".utf8), Data(String(repeating: "[", count: 1 << 20).utf8),
                Data([0xFF, 0xFE]), Data("{}".utf8),
            ]
            let cut = stride(from: 1, to: whole.count, by: 97).map { whole.prefix($0) }
            for data in spoiled + cut {
                try data.write(to: URL(fileURLWithPath: file))
                let error = #expect(throws: TokenizationError.self) {
                    try Tokenizer(folder: folder)
                }
                #expect(error?.description.hasPrefix(file) ?? false)
            }
            try FileManager.default.removeItem(atPath: file)
            let error = #expect(throws: TokenizationError.self) { try Tokenizer(folder: folder) }
            #expect(error?.description.hasPrefix("\(folder): has no tokenizer.json") ?? false)
        }
    }

    @Test func ggufMetadataIsChecked() throws {
        let bytes = TokenizerFileMaker().vocabulary.sorted { $0.value < $1.value }.map(\.key)
        let whole: [String: GGUFValue] = [
            "model": .text("gpt2"), "pre": .text("gpt-2"), "tokens": .texts(bytes),
            "merges": .texts(["a b"]), "eos_token_id": .integer(3),
        ]
        func make(_ changes: [String: GGUFValue?]) throws -> Tokenizer {
            var metadata: [String: GGUFValue] = [:]
            for (key, value) in whole { metadata["tokenizer.ggml.\(key)"] = value }
            for (key, value) in changes { metadata["tokenizer.ggml.\(key)"] = value }
            return try Tokenizer(ggufMetadata: metadata, path: "m.gguf")
        }
        #expect(try make([:]).encode("abc") == [256, 99])
        #expect(try make([:]).endToken == 3)
        #expect(try make([:]).beginTokens == [])
        // llama.cpp puts a begin token before Llama-3's texts unless the file says otherwise.
        #expect(
            try make(["pre": .text("llama-bpe"), "bos_token_id": .integer(1)]).beginTokens == [1])
        let wrong: [(key: String, value: GGUFValue?, part: String)] = [
            ("model", nil, "is missing"),
            ("model", .text("bert"), "'bert' (WordPiece) is not supported"),
            ("model", .text("t5"), "'t5' (Unigram) is not supported"),
            ("model", .text("rwkv"), "'rwkv' (RWKV's"),
            ("pre", .text("qwen99"), "'qwen99' is not supported"), ("pre", .integer(1), "a text"),
            ("tokens", .texts([]), "has no vocabulary"), ("tokens", .integer(1), "array of texts"),
            ("merges", nil, "no merges"), ("merges", .texts(["ab"]), "is not two tokens"),
            ("token_type", .integers([1]), "one integer for each of the 257 tokens"),
            ("add_bos_token", .boolean(true), "bos_token_id is missing"),
            ("add_bos_token", .integer(1), "true or false"),
        ]
        for (key, value, part) in wrong {
            let error = #expect(throws: TokenizationError.self) { try make([key: value]) }
            let text = error?.description ?? ""
            #expect(text.hasPrefix("m.gguf: tokenizer.ggml.\(key): "))
            #expect(text.contains(part))
        }
        let error = #expect(throws: TokenizationError.self) {
            try make(["eos_token_id": .integer(1 << 20)])
        }
        #expect(error?.description.contains("token id 1048576") ?? false)
    }
}
