import Foundation
import Testing
import Tokenization

/// Words as the judge cuts them; see Fixtures/README.md, `splits.jsonl`.
@Suite struct SplitTests {
    private func preTokenizer(_ name: String) -> [String: Any] {
        switch name {
        case "gpt2": return byteLevel(usesExpression: true)
        case "smollm":
            return sequence(
                ["type": "Digits", "individual_digits": true], byteLevel(usesExpression: true))
        default:
            let expression =
                #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"#
                + #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
            return sequence(
                [
                    "type": "Split", "behavior": "Isolated", "invert": false,
                    "pattern": ["Regex": expression],
                ], byteLevel(usesExpression: false))
        }
    }

    /// Every word of every text is a token that is taken whole, so the ids tell the words.
    @Test(arguments: ["gpt2", "smollm", "llama3"])
    func wordsAreTheJudges(_ name: String) throws {
        var maker = TokenizerFileMaker()
        maker.model["ignore_merges"] = true
        maker.root["pre_tokenizer"] = preTokenizer(name)
        let alphabet = maker.vocabulary.filter { $0.value < 256 }.sorted { $0.value < $1.value }
        var expected: [(text: String, ids: [Int32])] = []
        for entry in try entries() {
            var bytes = Array(entry.text.utf8)[...]
            var ids: [Int32] = []
            let lengths = ["gpt2": entry.gpt2, "smollm": entry.smollm, "llama3": entry.llama3]
            for length in try #require(lengths[name]) {
                let word = bytes.prefix(length).map { alphabet[Int($0)].key }.joined()
                bytes = bytes.dropFirst(length)
                let id = maker.vocabulary[word] ?? maker.vocabulary.count
                maker.vocabulary[word] = id
                ids.append(Int32(id))
            }
            try #require(bytes.isEmpty)
            expected.append((entry.text, ids))
        }
        try #require(expected.count > 1000)
        let tokenizer = try maker.withFolder { try Tokenizer(folder: $0) }
        for (text, ids) in expected {
            #expect(tokenizer.encode(text) == ids, "\(text.debugDescription)")
        }
    }

    private struct Entry: Decodable {
        let text: String
        let gpt2, smollm, llama3: [Int]
    }

    private func entries() throws -> [Entry] {
        let file = FixtureFiles.folder.appendingPathComponent("splits.jsonl")
        return try Data(contentsOf: file).split(separator: 0x0A).map { line in
            try JSONDecoder().decode(Entry.self, from: line)
        }
    }

    private func byteLevel(usesExpression: Bool) -> [String: Any] {
        ["type": "ByteLevel", "add_prefix_space": false, "use_regex": usesExpression]
    }

    private func sequence(_ parts: [String: Any]...) -> [String: Any] {
        ["type": "Sequence", "pretokenizers": parts]
    }
}
