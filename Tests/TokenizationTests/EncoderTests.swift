import Faults
import Foundation
import Testing
import Tokenization

@Suite struct EncoderTests {
    @Test(arguments: ["smollm", "tekken", "llama2"])
    func threadsHaveAnEncoderEach(_ name: String) async throws {
        let tokenizer = try Tokenizer(folder: FixtureFiles.path(name))
        let lines = Array(try FixtureFiles.lines().prefix(500))
        let expected = lines.map { tokenizer.encode($0) }
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    let encoder = tokenizer.makeEncoder()
                    return lines.map { try? encoder.encode($0) } == expected
                }
            }
            for await same in group { #expect(same) }
        }
    }

    @Test func bytesAreCheckedAndTokensAppended() throws {
        let encoder = try TokenizerFileMaker().withFolder {
            try Tokenizer(folder: $0).makeEncoder()
        }
        var tokens: [Int32] = [7]
        try Array("ab\u{0}c".utf8).withUnsafeBytes { try encoder.encode(utf8: $0, into: &tokens) }
        #expect(tokens == [7, 256, 0, 99])
        for wrong: [UInt8] in [[0xFF], [0xC3], [0xED, 0xA0, 0x80]] {
            #expect(throws: TokenizationError.self) {
                try wrong.withUnsafeBytes { try encoder.encode(utf8: $0, into: &tokens) }
            }
        }
    }

    @Test(.timeLimit(.minutes(10))) func anEndlessSearchIsGivenUp() throws {
        var maker = TokenizerFileMaker()
        maker.root["pre_tokenizer"] = [
            "type": "Sequence",
            "pretokenizers": [
                [
                    "type": "Split", "behavior": "Isolated", "invert": false,
                    "pattern": ["Regex": "(a+a+)+[bc]"],
                ], ["type": "ByteLevel", "add_prefix_space": false, "use_regex": false],
            ],
        ]
        let tokenizer = try maker.withFolder { try Tokenizer(folder: $0) }
        #expect(try tokenizer.makeEncoder().encode("aab") == [97, 256])
        let error = #expect(throws: TokenizationError.self) {
            try tokenizer.makeEncoder().encode(String(repeating: "a", count: 2000))
        }
        #expect(
            error?.description.hasPrefix("the pattern '(a+a+)+[bc]' gives up on a text") ?? false)
    }

    /// As in transformers 5.24, which reads `add_bos_token` only of folders without tokenizer.json.
    @Test func thePostProcessorDecidesWhatStandsAround() throws {
        var maker = TokenizerFileMaker(addedTokens: [
            ["content": "<s>", "special": true], ["content": "</s>", "special": true],
        ])
        maker.root["post_processor"] = [
            "type": "TemplateProcessing",
            "single": [
                ["SpecialToken": ["id": "<s>", "type_id": 0]],
                ["Sequence": ["id": "A", "type_id": 0]],
                ["SpecialToken": ["id": "</s>", "type_id": 0]],
            ],
            "special_tokens": [
                "<s>": ["id": "<s>", "ids": [257], "tokens": ["<s>"]],
                "</s>": ["id": "</s>", "ids": [258], "tokens": ["</s>"]],
            ],
        ]
        func marks(_ settings: String) throws -> [[Int32]] {
            maker.otherFiles["tokenizer_config.json"] = settings
            return try maker.withFolder {
                let tokenizer = try Tokenizer(folder: $0)
                return [tokenizer.beginTokens, tokenizer.closingTokens]
            }
        }
        let names = #""bos_token": "<s>", "eos_token": "</s>""#
        #expect(try marks("{\(names)}") == [[257], [258]])
        #expect(try marks(#"{"add_bos_token": false, \#(names)}"#) == [[257], [258]])
        maker.root["post_processor"] = nil
        #expect(
            try marks(#"{"add_bos_token": true, "add_eos_token": true, \#(names)}"#) == [[], []])
    }
}
