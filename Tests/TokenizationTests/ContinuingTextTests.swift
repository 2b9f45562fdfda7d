import Foundation
import Testing
import Tokenization

/// A text that goes on from another one gets no blank that begins texts.
@Suite struct ContinuingTextTests {
    private func tokenizer(_ name: String) throws -> Tokenizer {
        try Tokenizer(
            folder: URL(fileURLWithPath: #filePath).deletingLastPathComponent()
                .appendingPathComponent("Fixtures/\(name)").path)
    }

    /// `llama2` puts a blank before every text; the others before none.
    @Test(arguments: ["llama2", "gemma", "smollm", "qwen2", "llama3"])
    func twoTextsReadBackAsTheyWereWritten(_ name: String) throws {
        let tokenizer = try tokenizer(name)
        let encoder = tokenizer.makeEncoder()
        for (first, second) in [
            ("answer:\n", "copper"), ("answer:\n", " copper"), ("answer", " copper"),
            ("answer ", "copper"), ("a", "  b  c"), ("Das ist", "t \u{e4}u\u{df}erst\n\nwahr"),
        ] {
            let tokens = try encoder.encode(first) + encoder.encode(second, continues: true)
            #expect(tokenizer.decode(tokens, skipSpecial: false) == first + second)
            #expect(
                tokenizer.encode(second, continues: true)
                    == (try encoder.encode(second, continues: true)))
        }
    }

    @Test func onlyTheBlankIsLeftOut() throws {
        let tokenizer = try tokenizer("llama2")
        #expect(tokenizer.encode("the", continues: true) != tokenizer.encode("the"))
        #expect(tokenizer.encode(" the", continues: true) == tokenizer.encode("the"))
        let bytes = try self.tokenizer("smollm")
        #expect(bytes.encode("the cat", continues: true) == bytes.encode("the cat"))
    }
}
