import Faults
import Foundation
import ModelFiles
import Testing
import Tokenization

/// Tokenizers of SentencePiece's kind, in cases small enough to work out by hand.
@Suite struct TextTokenTests {
    /// Ids: 0 is unknown, 1…256 are the bytes 0…255, then come `tokens`, with falling scores.
    private func metadata(_ tokens: [String]) -> [String: GGUFValue] {
        let bytes = (0...255).map { byte in
            let digits = String(byte, radix: 16, uppercase: true)
            return "<0x" + (digits.count < 2 ? "0" : "") + digits + ">"
        }
        let all = ["<unk>"] + bytes + tokens
        return [
            "tokenizer.ggml.model": .text("llama"),
            "tokenizer.ggml.tokens": .texts(all),
            "tokenizer.ggml.scores": .numbers((0..<all.count).map { -Double($0) }),
            "tokenizer.ggml.token_type": .integers(
                (0..<all.count).map { $0 == 0 ? 2 : $0 <= 256 ? 6 : 1 }),
            "tokenizer.ggml.unknown_token_id": .integer(0),
            "tokenizer.ggml.bos_token_id": .integer(257),
        ]
    }

    @Test func theHighestScoreIsMergedFirst() throws {
        // 257 ▁, 258 a, 259 b, 260 c, 261 bc, 262 ab, 263 ▁a: bc comes before ab.
        let tokens = ["▁", "a", "b", "c", "bc", "ab", "▁a"]
        let tokenizer = try Tokenizer(ggufMetadata: metadata(tokens))
        #expect(tokenizer.encode("abc") == [263, 261])
        #expect(tokenizer.encode("ab") == [257, 262])
        #expect(tokenizer.encode("aab b") == [263, 262, 257, 259])
        #expect(tokenizer.encode("") == [])
        #expect(tokenizer.beginTokens == [257])
        // é is C3 A9, and bytes begin at 1.
        #expect(tokenizer.encode("aé") == [263, 0xC3 + 1, 0xA9 + 1])
        #expect(tokenizer.decode([263, 0xC3 + 1, 0xA9 + 1, 257], skipSpecial: true) == "aé ")
        #expect(tokenizer.decode([0xC3 + 1, 0xC3 + 1], skipSpecial: true) == "\u{FFFD}\u{FFFD}")
    }

    @Test func aStreamAddsUpToTheDecodedText() throws {
        let tokenizer = try Tokenizer(folder: FixtureFiles.path("llama2"))
        for line in try FixtureFiles.lines().prefix(1000) {
            let ids = tokenizer.encode(line)
            var stream = tokenizer.makeStreamDecoder(skipSpecial: false)
            let text = ids.map { stream.append($0) }.joined() + stream.finish()
            #expect(text.utf8.elementsEqual(tokenizer.decode(ids, skipSpecial: false).utf8))
        }
    }

    @Test func scoresAreNeededForEachToken() throws {
        for scores: GGUFValue? in [nil, .text("x"), .numbers([1]), .numbers([.nan])] {
            var metadata = metadata(["▁"])
            metadata["tokenizer.ggml.scores"] = scores
            let error = #expect(throws: TokenizationError.self) {
                try Tokenizer(ggufMetadata: metadata, path: "m.gguf")
            }
            #expect(error?.description.hasPrefix("m.gguf: tokenizer.ggml.scores: ") ?? false)
        }
    }

    @Test(.timeLimit(.minutes(10))) func endlessWordsAreNoTrap() throws {
        let text = String(repeating: "a", count: 1 << 20)
        let tokenizer = try Tokenizer(ggufMetadata: metadata(["▁", "a", "aa", "aaaa"]))
        #expect(tokenizer.encode(text) == [257] + Array(repeating: 260, count: 1 << 18))
    }

    @Test func tokensThatLookAlikeAreNotTheSame() throws {
        // é as one character and as two: equal strings in Swift, two tokens in a vocabulary.
        let maker = TokenizerFileMaker()
        try maker.withFolder { folder in
            let text = """
                {"model": {"type": "BPE", "byte_fallback": true, "merges": [["e", "\u{301}"]],
                "vocab": {"e": 0, "\u{301}": 1, "\u{E9}": 2, "e\u{301}": 3}}}
                """
            try Data(text.utf8).write(to: URL(fileURLWithPath: folder + "/tokenizer.json"))
            let tokenizer = try Tokenizer(folder: folder)
            #expect(tokenizer.encode("\u{E9}e\u{301}\u{E9}") == [2, 3, 2])
        }
    }
}
