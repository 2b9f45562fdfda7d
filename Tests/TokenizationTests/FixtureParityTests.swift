import Foundation
import ModelFiles
import Testing
import Tokenization

/// Ids as Hugging Face tokenizers has them; see Fixtures/README.md.
@Suite struct FixtureParityTests {
    @Test(arguments: FixtureFiles.names)
    func fiveThousandLinesHaveTheJudgesIDs(_ name: String) throws {
        let tokenizer = try Tokenizer(folder: FixtureFiles.path(name))
        try compare(tokenizer, with: name)
    }

    @Test func ggufMetadataGivesTheSameTokenizer() throws {
        for (name, kind) in [("smollm", "smollm"), ("gpt2", "gpt-2"), ("llama3", "llama-bpe")] {
            let metadata = try ggufMetadata(of: name, preTokenizer: kind)
            try compare(try Tokenizer(ggufMetadata: metadata), with: name)
        }
    }

    @Test(arguments: FixtureFiles.names)
    func whatComesFirstIsThePostProcessors(_ name: String) throws {
        let tokenizer = try Tokenizer(folder: FixtureFiles.path(name))
        let expected = try FixtureFiles.json("\(name)/begin.json")
        #expect(tokenizer.beginTokens.map(Int.init) == expected["begin"] as? [Int])
        let samples = try #require(expected["samples"] as? [String: [Int]])
        for (text, ids) in samples { #expect(tokenizer.encode(text).map(Int.init) == ids) }
    }

    @Test func theEndTokenIsFoundInAnyOfItsPlaces() throws {
        let found = try ["gpt2", "smollm", "llama3", "odd"].map {
            try Tokenizer(folder: FixtureFiles.path($0)).endToken
        }
        #expect(found == [0, 2, 643, nil])
    }

    @Test(arguments: ["gpt2", "llama3"])
    func decodingGivesTheTextBack(_ name: String) throws {
        let tokenizer = try Tokenizer(folder: FixtureFiles.path(name))
        for line in try FixtureFiles.lines() {
            let decoded = tokenizer.decode(tokenizer.encode(line), skipSpecial: false)
            #expect(decoded.utf8.elementsEqual(line.utf8))
        }
    }

    @Test(arguments: FixtureFiles.textNames)
    func decodingGivesTheJudgesText(_ name: String) throws {
        let tokenizer = try Tokenizer(folder: FixtureFiles.path(name))
        let encoder = tokenizer.makeEncoder()
        let expected = try FixtureFiles.decoded(name)
        for (index, line) in try FixtureFiles.lines().enumerated() {
            let text = tokenizer.decode(try encoder.encode(line), skipSpecial: false)
            #expect(
                FixtureFiles.checksum(text) == expected[index],
                "line \(index + 1): \(line.debugDescription) became \(text.debugDescription)")
        }
    }

    private func compare(_ tokenizer: Tokenizer, with name: String) throws {
        let lines = try FixtureFiles.lines()
        let expected = try FixtureFiles.expected(name)
        try #require(lines.count == 5000 && expected.count == lines.count)
        for (index, line) in lines.enumerated() {
            let ids = tokenizer.encode(line)
            #expect(
                FixtureFiles.summary(ids) == expected[index],
                "line \(index + 1) of \(name): \(line.debugDescription) gave \(ids)")
        }
    }

    /// What a converter makes of a fixture's tokenizer.json.
    private func ggufMetadata(
        of name: String, preTokenizer: String
    ) throws -> [String: GGUFValue] {
        let document = try FixtureFiles.json("\(name)/tokenizer.json")
        let model = try #require(document["model"] as? [String: Any])
        let added = try #require(document["added_tokens"] as? [[String: Any]])
        var ids = try #require(model["vocab"] as? [String: Int])
        for token in added {
            ids[try #require(token["content"] as? String)] = token["id"] as? Int
        }
        let control = Set(added.compactMap { $0["id"] as? Int })
        let merges = try #require(model["merges"] as? [Any]).compactMap { merge in
            merge as? String ?? (merge as? [String])?.joined(separator: " ")
        }
        return [
            "tokenizer.ggml.model": .text("gpt2"),
            "tokenizer.ggml.pre": .text(preTokenizer),
            "tokenizer.ggml.tokens": .texts(ids.sorted { $0.value < $1.value }.map(\.key)),
            "tokenizer.ggml.token_type": .integers(
                (0..<ids.count).map { control.contains($0) ? 3 : 1 }),
            "tokenizer.ggml.merges": .texts(merges),
            "tokenizer.ggml.add_bos_token": .boolean(false),
        ]
    }
}
