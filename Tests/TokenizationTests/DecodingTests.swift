import Testing
import Tokenization

@Suite struct DecodingTests {
    private func tokenizer() throws -> Tokenizer {
        let maker = TokenizerFileMaker(addedTokens: [
            ["content": "<end>", "special": true], ["content": "é!", "special": false],
        ])
        return try maker.withFolder { try Tokenizer(folder: $0) }
    }

    @Test func specialTokensAreLeftOutOnRequest() throws {
        let tokenizer = try tokenizer()
        #expect(tokenizer.decode([104, 257, 258], skipSpecial: true) == "hé!")
        #expect(tokenizer.decode([104, 257, 258], skipSpecial: false) == "h<end>é!")
        #expect(tokenizer.vocabularySize == 259)
    }

    @Test func idsOutsideTheVocabularyAreNothing() throws {
        #expect(try tokenizer().decode([-1, 97, 259, .max], skipSpecial: false) == "a")
    }

    @Test func aStreamGivesOutWholeCharacters() throws {
        // € is E2 82 AC, 😀 is F0 9F 98 80.
        var stream = try tokenizer().makeStreamDecoder()
        let bytes: [Int32] = [0xE2, 0x82, 0xAC, 0x61, 0xF0, 0x9F, 0x98, 0x80]
        #expect(bytes.map { stream.append($0) } == ["", "", "€", "a", "", "", "", "😀"])
        #expect(stream.finish() == "")
    }

    @Test func aStreamReplacesWhatCannotBecomeACharacter() throws {
        var stream = try tokenizer().makeStreamDecoder()
        #expect(stream.append(0xE2) == "")
        #expect(stream.append(0x61) == "\u{FFFD}a")
        #expect(stream.append(0x80) == "\u{FFFD}")
        #expect(stream.append(0xF0) == "")
        #expect(stream.finish() == "\u{FFFD}")
        #expect(stream.finish() == "")
    }

    @Test func aStreamAddsUpToTheDecodedText() throws {
        let tokenizer = try Tokenizer(folder: FixtureFiles.path("llama3"))
        for line in try FixtureFiles.lines().prefix(1000) {
            let ids = tokenizer.encode(line)
            var stream = tokenizer.makeStreamDecoder(skipSpecial: true)
            let text = ids.map { stream.append($0) }.joined() + stream.finish()
            #expect(text.utf8.elementsEqual(tokenizer.decode(ids, skipSpecial: true).utf8))
        }
    }
}
