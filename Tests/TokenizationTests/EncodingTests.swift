import Testing
import Tokenization

/// Cases small enough to work out by hand; bytes are their own ids, merges begin at 256.
@Suite struct EncodingTests {
    private func encode(_ text: String, _ maker: TokenizerFileMaker) throws -> [Int32] {
        try maker.withFolder { try Tokenizer(folder: $0).encode(text) }
    }

    @Test func theLowestRankIsMergedFirstAndOfEqualOnesTheLeftmost() throws {
        // b+c (256) comes before a+b (257): abc is a, bc. aaa is aa, a with a+a (258).
        let maker = TokenizerFileMaker(merges: [("b", "c"), ("a", "b"), ("a", "a")])
        #expect(try encode("abc", maker) == [97, 256])
        #expect(try encode("abd", maker) == [257, 100])
        #expect(try encode("aaa", maker) == [258, 97])
        #expect(try encode("aaaaa", maker) == [258, 258, 97])
    }

    @Test func wordsAreNotMergedAcross() throws {
        // With Ġ+a (256), "a a" is a, Ġa; the merge of a+Ġ (257) never meets its pair.
        let maker = TokenizerFileMaker(merges: [("Ġ", "a"), ("a", "Ġ")])
        #expect(try encode("a a", maker) == [97, 256])
        #expect(try encode("a  a", maker) == [97, 32, 256])
    }

    @Test func aMergeListedTwiceHasItsLaterRank() throws {
        var maker = TokenizerFileMaker(merges: [("a", "b"), ("b", "c")])
        maker.merges.append(["a", "b"])
        #expect(try encode("abc", maker) == [97, 257])
    }

    @Test func ignoringMergesTakesWholeWords() throws {
        var maker = TokenizerFileMaker(merges: [("a", "b"), ("b", "c"), ("a", "bc")])
        // Merged by rank, abc is ab, c; as a whole it is 258.
        #expect(try encode("abc", maker) == [256, 99])
        maker.model["ignore_merges"] = true
        #expect(try encode("abc", maker) == [258])
    }

    @Test func missingBytesAreLeftOutOrUnknown() throws {
        // 0xC3 is written Ã; é is C3 A9.
        var maker = TokenizerFileMaker(
            merges: [("a", "b")], addedTokens: [["content": "<unk>", "special": true]])
        maker.vocabulary["Ã"] = nil
        maker.vocabulary["<unk>"] = 257
        #expect(try encode("aéb", maker) == [97, 169, 98])
        #expect(try encode("a\u{C0}b", maker) == [97, 128, 98])
        maker.model["unk_token"] = "<unk>"
        #expect(try encode("aéb", maker) == [97, 257, 169, 98])
    }

    @Test func digitsStandAlone() throws {
        var maker = TokenizerFileMaker(merges: [("1", "2"), ("Ġ", "1"), ("Ġ", "Ġ")])
        #expect(try encode("12  1", maker) == [256, 32, 257])
        maker.root["pre_tokenizer"] = [
            "type": "Sequence",
            "pretokenizers": [
                ["type": "Digits", "individual_digits": true],
                ["type": "ByteLevel", "add_prefix_space": false],
            ],
        ]
        #expect(try encode("12  1", maker) == [49, 50, 258, 49])
    }

    @Test func aPieceWithoutSpaceBeforeItGetsOneOnRequest() throws {
        var maker = TokenizerFileMaker(
            merges: [("Ġ", "a")], addedTokens: [["content": "<x>", "special": true]])
        maker.root["pre_tokenizer"] = ["type": "ByteLevel", "add_prefix_space": true]
        #expect(try encode("a<x>a", maker) == [256, 257, 256])
        #expect(try encode(" a", maker) == [256])
        #expect(try encode("", maker) == [])
    }

    @Test func addedTokensFollowTheirFlags() throws {
        let maker = TokenizerFileMaker(addedTokens: [
            ["content": "<l>", "lstrip": true, "normalized": false],
            ["content": "<r>", "rstrip": true, "normalized": false],
            ["content": "ww", "single_word": true, "normalized": false],
            ["content": "<l><r>", "normalized": false],
            ["content": "z<l>", "normalized": true],
        ])
        #expect(try encode("a  <l> a", maker) == [97, 257, 32, 97])
        #expect(try encode("a <r>\t\na", maker) == [97, 32, 258, 97])
        #expect(
            try encode("ww wwa _ww ww", maker)
                == [259, 32, 119, 119, 97, 32, 95, 119, 119, 32, 259])
        #expect(try encode("<l><r>", maker) == [260])
        // What is matched literally comes first, whatever begins further left.
        #expect(try encode("z<l>", maker) == [122, 257])
        #expect(try encode("<l", maker) == [60, 108])
    }

    @Test(.timeLimit(.minutes(10))) func endlessWordsAreNoTrap() throws {
        let text = String(repeating: "a", count: 1 << 20)
        let maker = TokenizerFileMaker(merges: [("a", "a"), ("aa", "aa")])
        #expect(try encode(text, maker) == Array(repeating: 257, count: 1 << 18))
    }

    @Test func threadsShareOneTokenizer() async throws {
        let tokenizer = try Tokenizer(folder: FixtureFiles.path("smollm"))
        let lines = Array(try FixtureFiles.lines().prefix(500))
        let expected = lines.map { tokenizer.encode($0) }
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<4 {
                group.addTask { lines.map { tokenizer.encode($0) } == expected }
            }
            for await same in group { #expect(same) }
        }
    }
}
