import Datasets
import Foundation
import Slices
import Testing
import Tokenization

/// Files that are no JSON lines are called what they are, and what the message advises makes them so.
@Suite struct OtherFileTests {
    private func message(_ content: Data, skipBadLines: Bool = false) -> String {
        let failure = #expect(throws: DataFile.Failure.self) {
            try DataFile.load(content, skipBadLines: skipBadLines)
        }
        return failure?.message ?? ""
    }

    private func message(_ content: String, skipBadLines: Bool = false) -> String {
        message(Data(content.utf8), skipBadLines: skipBadLines)
    }

    /// Whether bad lines are skipped makes no success of such a file.
    @Test(arguments: [true, false])
    func binaryFilesAreNamed(skipBadLines: Bool) {
        for (content, name, advice) in [
            (Data("PAR1".utf8) + Data(count: 99), "is a Parquet file. Convert", "pyarrow.parquet"),
            (Data([0xFF, 0xFE, 0x7B, 0, 0x0A, 0]), "is text in UTF-16, not", "iconv -f UTF-16"),
            (Data("<!doctype html>\n{}\n".utf8), "is a web page (HTML). ", "/resolve/"),
            (
                Data("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 7\n".utf8),
                "is a Git-LFS pointer, and not the file that it stands for (7 bytes). ",
                "git lfs pull"
            ),
            (Data("7z".utf8) + Data([0xBC, 0xAF, 0x27, 0x1C]), "is packed by 7-Zip; ", "7z x"),
            (Data(), "is empty. ", "copy"),
        ] {
            let text = message(content, skipBadLines: skipBadLines)
            #expect(text.hasPrefix("FILE: \(name)") && text.contains(advice), "\(text)")
        }
    }

    @Test func whatIsPackedIsNamedToo() throws {
        let folder = try scratchFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try Data("PAR1....".utf8).write(to: URL(fileURLWithPath: folder + "/a.parquet"))
        #expect(try run("gzip -c a.parquet > a.parquet.gz", in: folder) == 0)
        let error = #expect(throws: DatasetError.self) { try load(folder + "/a.parquet.gz") }
        #expect(error?.problem == "is packed by gzip, and what is packed is a Parquet file")
        #expect(
            error?.hint?.hasPrefix(
                "Unpack it first: gzip -dc \(folder)/a.parquet.gz > \(folder)/a.parquet. ") ?? false
        )
        #expect(error?.hint?.hasSuffix(" \(folder)/a.parquet > \(folder)/a.jsonl") ?? false)
    }

    @Test(arguments: [
        ("{\"data\": [{\"text\": \"a\"}]}", "one JSON object whose 'data' holds the records"),
        (
            "{\n \"train\": [\n  {\"text\": \"a\"}],\n \"test\": [{\"text\": \"b\"}]\n}\n",
            "one JSON object whose 'train', 'test' hold the records"
        ),
        ("{\"text\": [\"a\", \"b\"]}", "one JSON object of columns"),
        ("{\"text\": {\"0\": \"a\", \"1\": \"b\"}}", "one JSON object of columns"),
        ("{\"x1\": {\"text\": \"a\"}}", "one JSON object whose values are the records"),
        (
            "{\n  \"text\": \"a\"\n}\n{\n  \"text\": \"b\"\n}\n",
            "JSON whose objects run over several"
        ),
        ("{\n  \"text\": \"a\"\n}\n", "JSON whose objects run over several lines"),
        ("{\"text\": \"a\"}{\"text\": \"b\"}\n", "JSON with several objects on one line"),
        ("{\"text\": \"a\"},\n{\"text\": \"b\"}\n", "JSON lines that end with commas"),
        (
            "{\n\"text\": \"a\"},\n{\"text\": \"b\"}\n",
            "JSON objects with commas between them and no"
        ),
        ("{'text': 'a'}\n{'text': 'b'}\n", "Python's way to write rows (with ')"),
        ("[[\"a\", \"b\"], [\"c\", \"d\"]]", "a JSON array of arrays"),
        ("[\"a\", \"b\"]", "a JSON array of texts"),
        ("\"a\"\n\"b\"\n", "JSON lines of texts"),
        ("[[{\"role\": \"user\"}]]", "a JSON array of conversations without a key"),
        ("[{\"role\": \"user\"}]\n[{\"role\": \"user\"}]\n", "conversations by line without a key"),
        ("[{\"from\": \"human\", \"value\": \"a\"}]", "one conversation without a key"),
        ("[\"a\", \"b\"]\n[\"c\", \"d\"]\n", "JSON arrays by line, a table without names"),
        ("[{\"text\": \"a\"}]\n[{\"text\": \"b\"}]\n", "JSON arrays by line"),
        ("instruction,output\n\"a, b\",c\n", "CSV"), ("a\tb\n1\t2\n", "TSV"),
        ("a;b\n1;2\n", "CSV with semicolons"), ("\"prompt\",\"completion\"\n\"a\",\"b\"\n", "CSV"),
        ("- instruction: a\n  output: b\n", "YAML"), ("key: a\nother: b\n", "YAML"),
        ("# rows\n{\"text\": \"a\"}\n", "JSON lines after a comment"),
        ("It was a dark night.\nIt rained.\n", "plain text"),
        ("\u{1}\u{2}abc", "a binary file of a kind that is not known here"),
    ])
    func textsAreNamedBecauseTheirFirstRecordIsNone(content: String, name: String) {
        let text = message(content)
        #expect(text.hasPrefix("FILE: is \(name)"), "\(text)")
        #expect(text.contains(", not JSON lines ("), "\(text)")
        // The last line of some is good by accident.
        guard !content.hasPrefix("#"), !content.contains("},\n{") else { return }
        let skipped = message(content, skipBadLines: true)
        #expect(skipped.hasPrefix("FILE: is \(name)"), "\(skipped)")
    }

    /// A bad line of good data stays a bad line.
    @Test(arguments: [
        "{\"text\": \"a\"\n{\"text\": \"b\"}\n", "{\"text\": 1}\n{\"text\": \"b\"}\n",
        "{\"words\": [{\"role\": \"user\"}]}\n{\"text\": \"b\"}\n", "[{\"text\": 3}]",
        "{\"data\": [{\"a\": 1}]}\n{\"data\": [{\"a\": 1}]}\n",
        "{\"messages\": [{\"content\": \"a\"}], \"tools\": [{\"type\": \"function\"}]}\n",
    ])
    func aBadFirstLineIsNoOtherFile(content: String) {
        #expect(message(content).hasPrefix("FILE:1: "), "\(message(content))")
    }

    @Test func laterLinesExplainNothing() throws {
        #expect(message("{\"text\": \"a\"}\nid,name\n1,2\n").hasPrefix("FILE:2: is not valid JSON"))
        let dataset = try DataFile.load("id,name\n{\"text\": \"a\"}\n", skipBadLines: true)
        #expect(dataset.samples.count == 1 && dataset.summary.badLines == 1)
    }

    /// Nine in ten are skipped, and not more.
    @Test func aFileThatIsNearlyAllBadIsRefused() throws {
        let good = "{\"text\": \"a\"}\n"
        let bad = String(repeating: "{\"texts\": \"a\"}\n", count: 9)
        #expect(try DataFile.load(good + bad, skipBadLines: true).summary.badLines == 9)
        let text = message(good + bad + "{}\n", skipBadLines: true)
        #expect(text.hasPrefix("FILE: has 10 bad records of 11, more than nine in ten (line 2 has"))
        #expect(text.contains("--format"))
    }

    @Test func pathsThatAreNoFilesGetAdvice() throws {
        let folder = try scratchFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        func hint(_ path: String) -> String {
            let error = #expect(throws: DatasetError.self) { try load(path) }
            return error?.hint ?? ""
        }
        #expect(hint(folder) == "Name one of the files in it")
        try Data("{}".utf8).write(to: URL(fileURLWithPath: folder + "/b.jsonl.gz"))
        try Data("{}".utf8).write(to: URL(fileURLWithPath: folder + "/a.jsonl"))
        #expect(hint(folder + "/").hasSuffix(": \(folder)/a.jsonl,\(folder)/b.jsonl.gz"))
        try Data("{}".utf8).write(to: URL(fileURLWithPath: folder + "/dataset_dict.json"))
        #expect(hint(folder).contains("load_from_disk"))
        #expect(
            hint("tatsu-lab/alpaca").contains("hf download --repo-type dataset tatsu-lab/alpaca"))
        #expect(hint("https://example.org/a.jsonl").contains("download the file first"))
        #expect(hint("nowhere/*.jsonl").contains("Wildcards"))
        #expect(hint("nowhere/a.jsonl") == "Check the path; it must exist on every node")
    }

    /// The commands that need nothing but Python's own library, a shell and sed.
    @Test(
        .timeLimit(.minutes(5)),
        arguments: [
            ("{\"data\": [{\"text\": \"ä'b\"}, {\"text\": \"c\"}]}", ["ä'b", "c"]),
            ("{\"text\": [\"a\", \"b\"], \"n\": [1, 2]}", ["a", "b"]),
            ("{\"text\": {\"0\": \"a\", \"1\": \"b\"}}", ["a", "b"]),
            ("{\"x\": {\"text\": \"a\"}, \"y\": {\"text\": \"b\"}}", ["a", "b"]),
            ("{\"text\": \"a,\"},\n{\"text\": \"b\"} ,  \n", ["a,", "b"]),
            ("{\n\"text\": \"a\"},\n{\"text\": \"b\"},\n", ["a", "b"]),
            ("{'text': 'a'}\n{'text': \"b\"}\n", ["a", "b"]),
            ("[\"a\", \"b\"]", ["a", "b"]), ("\"a\"\n\"b\"\n", ["a", "b"]),
            ("text,n\n\"a, \"\"b\"\"\",1\nNA,2\n", ["a, \"b\"", "NA"]),
            ("text\tn\na, b\t1\n", ["a, b"]), ("text;n\na, b;1\n", ["a, b"]),
            ("# x\n{\"text\": \"a\"}\n", ["a"]),
            ("First line.\n\nSecond line.", ["First line.", "Second line."]),
        ])
    func whatIsAdvisedConverts(content: String, texts: [String]) throws {
        let folder = try scratchFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = folder + "/a rows.dat"
        try Data(content.utf8).write(to: URL(fileURLWithPath: path))
        let error = try #require(throws: DatasetError.self) { try load(path) }
        let command = try #require(error.hint?.split(separator: ": ", maxSplits: 1).last)
        #expect(try run(String(command), in: folder) == 0, "\(command)")
        let dataset = try load(folder + "/a rows.jsonl")
        let tokenizer = try DataFile.tokenizer()
        #expect(dataset.samples.count == texts.count)
        for (index, text) in texts.enumerated() {
            #expect(
                dataset.samples.tokens(index).dropFirst().dropLast() == tokenizer.encode(text)[...])
        }
    }

    private func load(_ path: String) throws -> LoadedDataset {
        try loadDataset(
            path: path, format: nil, tokenizer: DataFile.tokenizer(), maxLength: 99,
            skipBadLines: false)
    }

    private func scratchFolder() throws -> String {
        let path = NSTemporaryDirectory() + "other-file-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }

    private func run(_ command: String, in folder: String) throws -> Int32 {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/bash")
        process.arguments = ["-c", command]
        process.currentDirectoryURL = URL(fileURLWithPath: folder)
        try process.run()
        process.waitUntilExit()
        return process.terminationStatus
    }
}
