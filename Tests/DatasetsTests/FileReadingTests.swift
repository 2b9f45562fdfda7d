import Datasets
import Foundation
import Slices
import Testing
import Tokenization

@Suite struct FileReadingTests {
    private func lines(_ count: Int, from first: Int = 0) -> [String] {
        (first..<first + count).map {
            #"{"prompt": "question \#($0)", "completion": "answer \#($0 * 7)"}"#
        }
    }

    private func load(
        _ content: Data, lanes: Int = 1, heldOut: String? = nil, format: DatasetFormat? = nil
    ) throws -> LoadedDataset {
        let path = NSTemporaryDirectory() + "reading-\(UUID().uuidString)"
        try content.write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        var recipe = SampleRecipe(tokenizer: try DataFile.tokenizer(), maxLength: 200)
        recipe.heldOut = try heldOut.map { try #require(HeldOutShare($0)) }
        recipe.format = format
        return try loadDataset(path: path, recipe: recipe, cache: nil, lanes: lanes)
    }

    private func packed(_ tool: String, _ content: Data) throws -> Data {
        let path = NSTemporaryDirectory() + "packing-\(UUID().uuidString)"
        try content.write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [tool, "-q", "-c", path]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let data = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return data
    }

    /// More than one block of records, so that threads have something to put in order.
    @Test(.timeLimit(.minutes(10))) func threadsAndPackingChangeNothing() throws {
        let content = Data(lines(40_000).joined(separator: "\n").utf8)
        let plain = try load(content)
        #expect(plain.samples.count == 40_000)
        #expect(plain.samples.row(39_999) == 39_999)
        #expect(try load(content, lanes: 3).samples == plain.samples)
        let array = Data(("[\n" + lines(40_000).joined(separator: ",\n") + "]").utf8)
        #expect(try load(array, lanes: 2).samples == plain.samples)
        let zipped = try packed("gzip", content)
        #expect(zipped.starts(with: [0x1F, 0x8B]))
        #expect(try load(zipped, lanes: 2).samples == plain.samples)
        // Members follow one another, as cat makes them.
        let half = Data(lines(20_000).map { $0 + "\n" }.joined().utf8)
        let rest = Data(lines(20_000, from: 20_000).joined(separator: "\n").utf8)
        #expect(
            try load(packed("gzip", half) + packed("gzip", rest)).samples == plain.samples)
        let cut = #expect(throws: DatasetError.self) { try load(zipped.dropLast(9)) }
        #expect("\(cut, default: "")".contains("ends in the middle of its gzip data"))
        var damaged = zipped
        damaged[damaged.count / 2] ^= 0xFF
        #expect(throws: DatasetError.self) { try load(damaged) }
    }

    /// The first bad line of the file is named, whichever thread finds another one first.
    @Test(.timeLimit(.minutes(10))) func theFirstBadLineIsNamed() throws {
        var all = lines(40_000)
        all[25_000] = "{"
        all[39_000] = "["
        for _ in 0..<3 {
            let fault = #expect(throws: DatasetError.self) {
                try load(Data(all.joined(separator: "\n").utf8), lanes: 3)
            }
            #expect(fault?.location?.hasSuffix(":25001") ?? false)
        }
    }

    /// Rows that are added move no record from one side to the other.
    @Test func theHeldOutShareIsStable() throws {
        let few = try load(Data(lines(500).joined(separator: "\n").utf8), heldOut: "20%")
        #expect((60...140).contains(few.heldOut.count), "100 are expected")
        #expect(few.samples.count + few.heldOut.count == 500)
        let more = lines(300, from: 500) + lines(500).reversed()
        let many = try load(Data(more.joined(separator: "\n").utf8), heldOut: "0.2")
        let before = Set(few.heldOut.rows)
        let after = Set(many.heldOut.rows.filter { $0 >= 300 }.map { 799 - $0 })
        #expect(before == after)
        #expect(Set(few.samples.rows).isDisjoint(with: before))
        for text in ["0", "1", "100%", "-2%", "two", "", "nan"] {
            #expect(HeldOutShare(text) == nil, "\(text)")
        }
    }

    @Test func formatsAreToldFromTheRecords() throws {
        let tokenizer = try DataFile.tokenizer()
        let gpt4all = try load(Data(#"{"prompt": "a", "response": "b"}"#.utf8))
        #expect(gpt4all.format == .gpt4all)
        #expect(gpt4all.samples.tokens(0) == [640] + tokenizer.encode("a\n") + [65, 643])
        let text = try load(Data(#"{"text": "ab b"}"#.utf8))
        #expect(text.format == .text)
        #expect(text.samples.tokens(0) == [640] + tokenizer.encode("ab b") + [643])
        #expect(
            text.samples.targetMarks(0)
                == [false] + text.samples.tokens(0).dropFirst().map { _ in true })
        let chat = #expect(throws: DatasetError.self) {
            try load(Data(#"{"messages": [{"role": "user", "content": "a"}]}"#.utf8))
        }
        #expect("\(chat, default: "")".contains("has no chat template"))
        for (record, reason) in [
            (#"{"messages": 3}"#, "has a number as 'messages', which must be an array"),
            (#"{"messages": ["a"], "id": 1}"#, "message 0 is a string, which must be an object"),
            (#"{"messages": [{"content": "a"}]}"#, "message 0 has no 'role'"),
            (#"{"conversations": [{"from": "x", "value": "a"}]}"#, "turn 0 is from 'x', which"),
            (#"{"conversations": [{"from": "gpt"}]}"#, "turn 0 (assistant) has no content"),
        ] {
            let fault = #expect(throws: DatasetError.self) { try load(Data(record.utf8)) }
            #expect("\(fault, default: "")".contains(":1: \(reason)"), "\(record)")
        }
    }
}
