import ChatTemplates
import Datasets
import Slices
import Testing
import Tokenization

/// In the fixture `llama3` the begin token is 640, the end token 643; a is 64, b is 65.
@Suite struct SampleTests {
    @Test func beginPromptResponseAndEndAreJoined() throws {
        let dataset = try DataFile.load(#"{"prompt": "a", "completion": "b"}"#)
        #expect(dataset.samples.tokens == [640, 64, 65, 643])
        #expect(dataset.samples.isTarget == [false, false, true, true])
    }

    @Test func promptAndResponseAreTokenizedApart() throws {
        let tokenizer = try DataFile.tokenizer()
        #expect(tokenizer.encode("the").count == 1)
        let dataset = try DataFile.load(#"{"prompt": "t", "completion": "he"}"#)
        let apart = tokenizer.encode("t") + tokenizer.encode("he")
        #expect(dataset.samples.tokens == [640] + apart + [643])
    }

    @Test func theCutIsOnTheRight() throws {
        let line = #"{"prompt": "a", "completion": "b b b"}"#
        let whole = try DataFile.load(line)
        #expect(whole.summary.truncated == 0)
        let length = whole.samples.tokens.count
        let exact = try DataFile.load(line, maxLength: length)
        #expect(exact.samples == whole.samples && exact.summary.truncated == 0)
        let cut = try DataFile.load(line, maxLength: 3)
        #expect(cut.samples.tokens == [640, 64, 65])
        #expect(cut.samples.isTarget == [false, false, true])
        #expect(cut.summary.truncated == 1)
    }

    @Test func recordsWithoutTargetAreCounted() throws {
        let dataset = try DataFile.load(
            """
            {"prompt": "a a a a", "completion": "b"}
            {"prompt": "a", "completion": ""}

            {"prompt": "a", "completion": "b"}
            """, maxLength: 3)
        #expect(dataset.summary.withoutTarget == 1)
        #expect(dataset.samples.rows == [1, 2])
        #expect(dataset.samples.tokens == [640, 64, 643, 640, 64, 65])
    }

    @Test func specialTokensInTextAreRecognised() throws {
        let dataset = try DataFile.load(#"{"prompt": "<|im_start|>", "completion": "b"}"#)
        #expect(dataset.samples.tokens == [640, 642, 65, 643])
    }

    @Test func textsAreTakenToTheByte() throws {
        let texts = ["\u{FEFF}x", "e\u{301}", "\u{0}\r\n", "\u{1F468}\u{200D}\u{1F469}"]
        let tokenizer = try DataFile.tokenizer()
        for text in texts {
            let escaped = text.utf16.map { unit in
                let digits = String(unit, radix: 16)
                return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }.joined()
            let plain = text.contains { $0.isNewline } ? escaped : text
            for form in [escaped, plain] {
                let dataset = try DataFile.load(#"{"prompt": "", "completion": "\#(form)"}"#)
                #expect(dataset.samples.tokens == [640] + tokenizer.encode(text) + [643])
            }
        }
    }

    @Test func theTemplateIsAlpacas() throws {
        #expect(
            try InstructionTemplate.alpaca.prompt(instruction: "Add.", input: "1 and 2")
                == "Below is an instruction that describes a task, paired with an input that "
                + "provides further context. Write a response that appropriately completes the "
                + "request.\n\n### Instruction:\nAdd.\n\n### Input:\n1 and 2\n\n### Response:\n")
        #expect(
            try InstructionTemplate.alpaca.prompt(instruction: "Add.")
                == "Below is an instruction that describes a task. Write a response that "
                + "appropriately completes the request.\n\n### Instruction:\nAdd.\n\n"
                + "### Response:\n")
    }

    @Test func anEmptyMissingOrNullInputMeansTheShortTemplate() throws {
        let dataset = try DataFile.load(
            """
            {"instruction": "a", "output": "b"}
            {"instruction": "a", "input": "", "output": "b"}
            {"instruction": "a", "input": null, "output": "b", "id": 7}
            """)
        let tokenizer = try DataFile.tokenizer()
        let prompt = tokenizer.encode(
            try InstructionTemplate.alpaca.prompt(instruction: "a"))
        let sample = [640] + prompt + [65, 643]
        #expect(dataset.samples.tokens == sample + sample + sample)
    }

    @Test func aTokenizerWithoutEndTokenIsRefused() throws {
        let tokenizer = try DataFile.tokenizer("odd")
        let error = #expect(throws: DatasetError.self) {
            try loadDataset(
                path: DataFile.fixture("pairs.jsonl"), format: nil, tokenizer: tokenizer,
                maxLength: 100, skipBadLines: true)
        }
        #expect("\(error, default: "")".contains("names no end token"))
    }
}
