import Datasets
import Foundation
import Slices
import Testing

@Suite struct BadDataTests {
    private let good = #"{"prompt": "a", "completion": "b"}"#

    private func message(
        _ content: Data, format: DatasetFormat? = nil, skipBadLines: Bool = false
    ) -> String {
        let failure = #expect(throws: DataFile.Failure.self) {
            try DataFile.load(content, format: format, skipBadLines: skipBadLines)
        }
        return failure?.message ?? ""
    }

    private func message(_ content: String, format: DatasetFormat? = nil) -> String {
        message(Data(content.utf8), format: format)
    }

    @Test(arguments: [
        (#"{"prompt": "a""#, "is not valid JSON"),
        ("7", "is a number, not a JSON object"),
        ("null", "is null, not"), (#"["a"]"#, "is an array, not"), ("{} {}", "is not valid JSON"),
        (#"{"prompt": "a"}"#, "has no key 'completion'"), ("\u{1}", "is not valid JSON"),
        (#"{"prompt": 1, "completion": "b"}"#, "has a number as 'prompt', which must"),
        (#"{"prompt": "a", "completion": null}"#, "has null as 'completion'"),
        (#"{"prompt": "\ud800", "completion": "b"}"#, "is not valid JSON"), ("{}", "has no key"),
        (#"{"prompt": true, "completion": "b"}"#, "has a boolean as 'prompt'"),
        (#"{"prompt": "a", "prompt": "b"}"#, "is not valid JSON: key 'prompt' stands there twice"),
    ])
    func aBadLineIsNamedWithItsReason(_ line: String, _ reason: String) throws {
        let text = message("\(good)\r\n\n\(line)\n\(good)\n")
        #expect(text.hasPrefix("FILE:3: \(reason)"))
        #expect(text.hasSuffix("--skip-bad-lines"))
        let dataset = try DataFile.load(
            "\(good)\n\n\(line)\n\(good)\n", skipBadLines: true)
        #expect(dataset.summary.badLines == 1)
        #expect(dataset.summary.firstBadLines.map(\.line) == [3])
        #expect(dataset.summary.firstBadLines.first?.reason.hasPrefix(reason) ?? false)
        #expect(dataset.samples.rows == [0, 2])
    }

    @Test func invalidUTF8IsNamed() {
        let line =
            Data(#"{"prompt": "a"#.utf8) + [0xC3, 0x28] + Data(#"", "completion": ""}"#.utf8)
        let text = message(Data("\(good)\n".utf8) + line)
        #expect(text.hasPrefix("FILE:2: is not valid UTF-8"))
    }

    @Test func byteOrderMarkCRLFAndBlankLinesAreFine() throws {
        let dataset = try DataFile.load("\u{FEFF}\r\n\(good)\r\n \t\r\n\(good)")
        #expect(dataset.samples.count == 2)
        #expect(dataset.samples.rows == [0, 1])
    }

    @Test func theFormatOfTheFirstRecordHolds() throws {
        let alpaca = #"{"instruction": "a", "output": "b"}"#
        #expect(message("\(good)\n\(alpaca)").hasPrefix("FILE:2: has no key 'prompt'"))
        #expect(message("\(alpaca)\n\(good)").hasPrefix("FILE:2: has no key 'instruction'"))
        #expect(message(good, format: .alpaca).hasPrefix("FILE:1: has no key 'instruction'"))
        let unknown = message(#"{"words": "x", "b": 1}"#)
        #expect(unknown.hasPrefix("FILE:1: has neither 'instruction' and 'output' nor 'prompt'"))
        #expect(unknown.contains("(keys: words, b)"))
        let dataset = try DataFile.load("{}\n\(alpaca)", skipBadLines: true)
        #expect(dataset.samples.rows == [1] && dataset.summary.badLines == 1)
    }

    @Test func arraysNameRecordAndLine() throws {
        let array = "[\n  \(good),\n  {\"prompt\": \"],{\\\"\",\n   \"completion\": \"b\"}, 7 ]\n"
        #expect(
            message(array).hasPrefix(
                "FILE:4: record 2 of the array is a number, not a JSON object")
        )
        let dataset = try DataFile.load(Data(array.utf8), skipBadLines: true)
        #expect(dataset.samples.rows == [0, 1] && dataset.summary.badLines == 1)
    }

    @Test(arguments: [
        ("[", "FILE:1: the JSON array does not end"), ("[{\n", "FILE:2: the JSON array does not"),
        ("[{},]", "FILE:1: record 0 of the array"), ("[,{}]", "FILE:1: an element of the array"),
        ("[}]", "FILE:1: a bracket is closed"), ("[\"\\", "FILE:1: the JSON array does not end"),
        ("[]", "FILE: holds no records"), ("", "FILE: is empty"),
        ("\u{FEFF}", "FILE: holds no records"), (" \n\r\n", "FILE: holds no records"),
    ])
    func brokenAndEmptyFilesAreNamed(_ content: String, _ start: String) {
        #expect(message(content).hasPrefix(start))
    }

    @Test func textAfterAnArrayIsNamed() {
        #expect(message("[\(good)]\n7").hasPrefix("FILE:2: text follows the end"))
        #expect(message("[\(good)]\n[]").hasPrefix("FILE: is JSON arrays by line, not JSON lines"))
        #expect(message("[\(good),]").hasPrefix("FILE:1: an element of the array is missing"))
    }

    @Test func nothingLeftIsAnError() {
        let text = message(Data("{}\n7\n".utf8), skipBadLines: true)
        #expect(
            text.hasPrefix("FILE: gives no sample: of 2 records 2 are bad and 0 have no target"))
        #expect(text.contains(" (line 1 has neither"))
        let failure = #expect(throws: DataFile.Failure.self) {
            try DataFile.load(good, maxLength: 2)
        }
        #expect(failure?.message.contains("1 have no target within 2 tokens") ?? false)
        let zero = #expect(throws: DataFile.Failure.self) { try DataFile.load(good, maxLength: 0) }
        #expect(zero?.message.hasPrefix("--max-length: must be at least 1") ?? false)
    }

    @Test(.timeLimit(.minutes(10))) func depthAndLengthAreNoTrap() {
        let deep = String(repeating: "[", count: 1 << 20)
        #expect(message("\(good)\n\(deep)").hasPrefix("FILE:2: is not valid JSON"))
        #expect(message(deep).hasPrefix("FILE:1: the JSON array does not end"))
        let closed = "[" + deep + String(repeating: "]", count: 1 << 20) + "]"
        #expect(message(closed).hasPrefix("FILE:1: record 0 of the array is not valid JSON"))
        let endless = Data(#"{"prompt": ""#.utf8) + Data(repeating: 0x61, count: 65 << 20)
        #expect(message(endless).hasPrefix("FILE:1: is too long (68157452 bytes"))
    }

    @Test(.timeLimit(.minutes(10))) func whatIsNoFileIsNamed() throws {
        for path in ["/nonexistent/data.jsonl", "/dev/null", "/tmp"] {
            let error = #expect(throws: DatasetError.self) {
                try loadDataset(
                    path: path, format: nil, tokenizer: DataFile.tokenizer(), maxLength: 9,
                    skipBadLines: true)
            }
            #expect("\(error, default: "")".hasPrefix("\(path): "))
        }
    }
}
