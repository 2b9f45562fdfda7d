import Foundation
import Testing
import Tokenization

/// Where tokens stand in their text.
@Suite struct AlignmentTests {
    private func words(_ name: String, _ text: String) throws -> [String]? {
        let tokenizer = try Tokenizer(folder: FixtureFiles.path(name))
        let bytes = Array(text.utf8)
        return tokenizer.ranges(of: tokenizer.encode(text), in: text)?.map {
            String(decoding: bytes[$0], as: UTF8.self)
        }
    }

    /// Ranges in order, one behind the other, and between them nothing but blanks.
    @Test(arguments: ["gpt2", "llama3", "qwen2", "llama2", "gemma", "mistral"])
    func rangesCoverTheText(_ name: String) throws {
        for text in [
            "Hello, world", " two  spaces ", "caf\u{e9} e\u{301}t\u{e9}",
            "\u{4e2d}\u{6587} \u{1F469}\u{200D}\u{1F4BB}",
            "1\u{2581}2", "", "a\r\n\tb",
        ] {
            let tokenizer = try Tokenizer(folder: FixtureFiles.path(name))
            let tokens = tokenizer.encode(text)
            let ranges = try #require(tokenizer.ranges(of: tokens, in: text), "\(name): \(text)")
            #expect(ranges.count == tokens.count)
            var end = 0
            for range in ranges {
                #expect(range.lowerBound == end)
                end = range.upperBound
            }
            #expect(end == text.utf8.count)
        }
    }

    /// NFC makes one character of two: the token has the bytes of both.
    @Test func composedCharactersKeepTheirBytes() throws {
        #expect(try words("qwen2", "e\u{301}")?.joined() == "e\u{301}")
    }

    /// A token of another text is not found.
    @Test func foreignTokensAreNotFound() throws {
        let tokenizer = try Tokenizer(folder: FixtureFiles.path("gpt2"))
        #expect(tokenizer.ranges(of: tokenizer.encode("abc"), in: "abd") == nil)
        #expect(tokenizer.ranges(of: tokenizer.encode("ab"), in: "abc") == nil)
        #expect(tokenizer.ranges(of: tokenizer.encode("abc"), in: "ab") == nil)
    }
}
