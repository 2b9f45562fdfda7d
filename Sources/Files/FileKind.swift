/// What a file really is, whatever its name says: told from its first bytes.
///
/// For files that are given as training data or as a part of a model and are neither, so that a
/// message can call them what they are and say what makes the right file of them.
public struct FileKind: Sendable {
    /// As it stands after "is", e.g. `a Parquet file`.
    public let name: String
    /// What to do where records were expected. `FILE` and `OUT` stand for paths.
    private let asData: String?
    /// What to do where a part of a model was expected.
    private let asModel: String?

    public init(_ name: String, data: String?, model: String? = nil) {
        self.name = name
        asData = data
        asModel = model
    }

    /// How JSON lines are made of the file at `path`, or had in its place.
    public func dataHint(path: String) -> String? { asData.map { Self.filled($0, path) } }

    /// How the file at `path` is replaced by the part of a model that it is not.
    public func modelHint(path: String) -> String? { asModel.map { Self.filled($0, path) } }

    /// What a file is that begins with `head`; `nil` for text, and for kinds that are not known.
    ///
    /// - Parameter head: The first bytes, at least 512 of them where the file has as many.
    public static func of(_ head: UnsafeRawBufferPointer) -> FileKind? {
        // Before all others: the length that it begins with can be any bytes.
        if isSafetensors(head) { return safetensors }
        if let row = signatures.first(where: { $0.matches(head) }) { return row.kind }
        if head.starts(with: [0x50, 0x4B, 0x03, 0x04]) { return zip(head) }
        if isArrowStream(head) {
            return arrow("an Arrow stream", "a.ipc.open_stream(sys.argv[1]).read_all()")
        }
        if let pointer = pointer(head) { return pointer }
        return markup(head) ?? wideText(head)
    }

    /// Whether it is one of the two kinds that hold a model's weights.
    public var isWeights: Bool { name == Self.safetensors.name || name == Self.gguf.name }

    // MARK: Paths in advice

    private static func filled(_ text: String, _ path: String) -> String {
        let source = quoted(path)
        return text.split(separator: " ", omittingEmptySubsequences: false).map { word in
            word.hasPrefix("FILE")
                ? source + word.dropFirst(4)
                : word.hasPrefix("OUT") ? quoted(outputPath(path)) + word.dropFirst(3) : word
        }.joined(separator: " ")
    }

    /// Beside the file, with the ending of JSON lines.
    private static func outputPath(_ path: String) -> String {
        let name = path.split(separator: "/").last ?? ""
        let ending = name.lastIndex(of: ".").map { name[$0...] } ?? ""
        let stem = ending.count == name.count ? path : String(path.dropLast(ending.count))
        return stem + (ending == ".jsonl" ? ".new.jsonl" : ".jsonl")
    }

    /// `path` as one word of a shell.
    private static func quoted(_ path: String) -> String {
        let isPlain = path.unicodeScalars.allSatisfy {
            $0.properties.isAlphabetic || ("0"..."9").contains($0)
                || "._-/+,@%".unicodeScalars.contains($0)
        }
        return isPlain && !path.isEmpty
            ? path
            : "'"
                + path.split(separator: "'", omittingEmptySubsequences: false)
                .joined(separator: "'\\''") + "'"
    }
}

// MARK: - What needs more than a signature

extension FileKind {
    private static let safetensors = FileKind(
        "a safetensors file, which holds weights", data: "Give the model's folder as --model")
    private static let gguf = FileKind("a GGUF model", data: "Give it as --model")

    /// Eight bytes of length, then a JSON object.
    private static func isSafetensors(_ head: UnsafeRawBufferPointer) -> Bool {
        guard head.count > 9, head[8] == UInt8(ascii: "{") else { return false }
        let length = UInt64(littleEndian: head.loadUnaligned(as: UInt64.self))
        return length > 1 && length <= 100_000_000
    }

    /// A mark, and the length of the schema, which is padded.
    private static func isArrowStream(_ head: UnsafeRawBufferPointer) -> Bool {
        guard head.count >= 8, head.prefix(4).allSatisfy({ $0 == 0xFF }) else { return false }
        let length = UInt32(
            littleEndian: head.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
        return length > 0 && length < 1 << 28 && length % 8 == 0
    }

    /// A zip archive is told more exactly by the name of its first member.
    private static func zip(_ head: UnsafeRawBufferPointer) -> FileKind {
        let length = head.count >= 30 ? Int(head[26]) | Int(head[27]) << 8 : 0
        let name = String(decoding: head.dropFirst(30).prefix(length), as: UTF8.self)
        let office = ["[Content_Types].xml", "_rels/", "docProps/", "xl/", "word/", "ppt/"]
        if office.contains(where: { name.hasPrefix($0) }) {
            return FileKind(
                "an Office file (as .xlsx), which is a zip archive",
                data: "If it is a table: python3 -c \"import pandas, sys; "
                    + "pandas.read_excel(sys.argv[1], dtype=str, keep_default_na=False)"
                    + ".to_json(sys.argv[2], orient='records', lines=True, force_ascii=False)\" "
                    + "FILE OUT")
        }
        if name.hasSuffix(".npy") {
            return FileKind(
                "NumPy's .npz, a zip archive of arrays",
                data:
                    "Arrays hold no texts: write one JSON object a line from the texts themselves",
                model: "Convert the weights to safetensors")
        }
        if name.hasSuffix("data.pkl") || name.hasSuffix(".format_version") {
            return FileKind(
                "a PyTorch file (as .bin, .pt or .pth), which is a zip archive with a pickle",
                data: "Write one JSON object a line from the program that made it",
                model: convertPickle)
        }
        return FileKind(
            "a zip archive", data: "Unpack it (unzip FILE) and give the files in it",
            model: "Unpack it: unzip FILE")
    }

    private static let convertPickle =
        "Pickled weights are never read, because they can run any program; convert the model to "
        + "safetensors: python3 -c \"import sys, transformers; "
        + "transformers.AutoModelForCausalLM.from_pretrained(sys.argv[1])"
        + ".save_pretrained(sys.argv[2])\" FOLDER NEW-FOLDER"

    /// Small texts that stand where a large file belongs.
    private static func pointer(_ head: UnsafeRawBufferPointer) -> FileKind? {
        let text = { (start: StaticString) in begins(head, with: start) }
        if text("version https://git-lfs.github.com/spec/") || text("version https://hawser") {
            let words = String(decoding: head.prefix(1024), as: UTF8.self)
                .split(whereSeparator: { $0 == " " || $0.isNewline })
            let size = words.firstIndex(of: "size").flatMap { place in
                words.indices.contains(place + 1) ? Int(words[place + 1]) : nil
            }
            let advice =
                "In the clone run 'git lfs install' once and then 'git lfs pull', or download the "
                + "file itself (hf download …)"
            return FileKind(
                "a Git-LFS pointer, and not the file that it stands for"
                    + (size.map { " (\($0) bytes)" } ?? ""), data: advice, model: advice)
        }
        if text("/annex/objects/") || text("../.git/annex/objects/") || text(".git/annex/objects/")
        {
            return FileKind(
                "a git-annex pointer, and not the file that it stands for",
                data: "Run 'git annex get' in the clone", model: "Run 'git annex get' in the clone")
        }
        if text("# xet version") {
            let advice = "Download the file itself (hf download …)"
            return FileKind(
                "a Xet pointer, and not the file that it stands for", data: advice, model: advice)
        }
        return nil
    }

    /// Web pages and XML, after blanks and a byte order mark, in any case.
    private static func markup(_ head: UnsafeRawBufferPointer) -> FileKind? {
        var start = head.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
        while start < head.count, [0x20, 0x09, 0x0A, 0x0D].contains(head[start]) { start += 1 }
        let rest = UnsafeRawBufferPointer(rebasing: head[start...].prefix(512))
        guard rest.first == UInt8(ascii: "<") else { return nil }
        let text = String(decoding: rest, as: UTF8.self).lowercased()
        let isPage = ["<!doctype html", "<html", "<head", "<body", "<script", "<!--", "<title"]
            .contains { text.hasPrefix($0) }
        if isPage || (text.hasPrefix("<?xml") && text.contains("<html")) {
            let advice =
                "The download gave a page in place of the file (a login, or an address to look at: "
                + "on huggingface.co it is /resolve/ where the browser has /blob/); download the "
                + "file itself"
            return FileKind("a web page (HTML)", data: advice, model: advice)
        }
        guard
            text.hasPrefix("<?xml") || text.hasPrefix("<!")
                || text.dropFirst().first?.isLetter == true
        else { return nil }
        return FileKind(
            "XML" + (text.contains("<error>") ? ", an error that a server answered with" : ""),
            data: "Write one JSON object a line from it, or download the file itself",
            model: "Download the file itself")
    }

    /// UTF-16 and UTF-32, with a byte order mark or without: JSON begins with an ASCII character.
    private static func wideText(_ head: UnsafeRawBufferPointer) -> FileKind? {
        guard head.count >= 4 else {
            return head.starts(with: [0xFF, 0xFE]) || head.starts(with: [0xFE, 0xFF])
                ? wide("UTF-16") : nil
        }
        let zeros = head.prefix(4).map { $0 == 0 }
        switch (head[0], head[1], head[2], head[3]) {
        case (0xFF, 0xFE, 0, 0), (0, 0, 0xFE, 0xFF): return wide("UTF-32")
        case (0xFF, 0xFE, _, _), (0xFE, 0xFF, _, _): return wide("UTF-16")
        default: break
        }
        switch zeros {
        case [false, true, true, true] where isText(head[0]): return wide("UTF-32LE")
        case [true, true, true, false] where isText(head[3]): return wide("UTF-32BE")
        case [false, true, false, true] where isText(head[0]) && isText(head[2]):
            return wide("UTF-16LE")
        case [true, false, true, false] where isText(head[1]) && isText(head[3]):
            return wide("UTF-16BE")
        default: return nil
        }
    }

    private static func isText(_ byte: UInt8) -> Bool {
        (0x20..<0x7F).contains(byte) || (0x09...0x0D).contains(byte)
    }

    private static func wide(_ encoding: String) -> FileKind {
        FileKind(
            "text in \(encoding), not in UTF-8",
            data: "Convert it: iconv -f \(encoding) -t UTF-8 FILE > OUT",
            model: "Convert it: iconv -f \(encoding) -t UTF-8")
    }

    fileprivate static func begins(
        _ head: UnsafeRawBufferPointer, with text: StaticString
    ) -> Bool {
        head.starts(
            with: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }
}

// MARK: - Signatures

extension FileKind {
    /// Bytes that a kind of file has at its beginning.
    private struct Signature {
        let bytes: [UInt8]
        var offset = 0
        let kind: FileKind

        func matches(_ head: UnsafeRawBufferPointer) -> Bool {
            head.count >= offset + bytes.count
                && head[offset..<offset + bytes.count].elementsEqual(bytes)
        }
    }

    private static func signature(
        _ bytes: [UInt8], at offset: Int = 0, _ kind: FileKind
    ) -> Signature {
        Signature(bytes: bytes, offset: offset, kind: kind)
    }

    private static func ascii(_ text: StaticString) -> [UInt8] {
        [UInt8](UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    private static func packed(_ name: String, by command: String) -> FileKind {
        FileKind(
            "packed by \(name); data may be packed by gzip or Zstandard only",
            data: "Unpack it: \(command) FILE", model: "Unpack it: \(command) FILE")
    }

    private static let parquet = FileKind(
        "a Parquet file",
        data:
            "Convert it: python3 -c \"import json, sys, pyarrow.parquet as p; [print(json.dumps(r, "
            + "default=str)) for r in p.read_table(sys.argv[1]).to_pylist()]\" FILE > OUT")

    private static func arrow(_ name: String, _ reader: String) -> FileKind {
        FileKind(
            name,
            data: "Convert it: python3 -c \"import json, sys, pyarrow as a, pyarrow.feather; "
                + "[print(json.dumps(r, default=str)) for r in \(reader).to_pylist()]\" FILE > OUT")
    }

    private static let pickle = FileKind(
        "a Python pickle",
        data:
            "A pickle can run any program when it is read; if it is your own list of rows: python3 "
            + "-c \"import json, pickle, sys; [print(json.dumps(r)) for r in "
            + "pickle.load(open(sys.argv[1], 'rb'))]\" FILE > OUT",
        model: convertPickle)

    private static let noTable = "Write one JSON object a line from the program that made it"

    /// Kinds that are told by fixed bytes. None of them can begin JSON.
    private static let signatures: [Signature] = [
        signature(ascii("GGUF"), gguf),
        signature(ascii("PAR1"), parquet), signature(ascii("PARE"), parquet),
        signature(
            ascii("ARROW1"),
            arrow("an Arrow (Feather) file", "a.ipc.open_file(sys.argv[1]).read_all()")),
        signature(ascii("FEA1"), arrow("a Feather file", "a.feather.read_table(sys.argv[1])")),
        signature(
            ascii("ORC"),
            FileKind(
                "an ORC file",
                data:
                    "Convert it: python3 -c \"import json, sys, pyarrow.orc as o; [print(json.dumps"
                    + "(r, default=str)) for r in o.read_table(sys.argv[1]).to_pylist()]\" FILE > OUT"
            )),
        signature(ascii("Obj") + [1], FileKind("an Avro file", data: noTable)),
        signature(ascii("PK") + [5, 6], FileKind("an empty zip archive", data: nil)),
        signature([0x93] + ascii("NUMPY"), FileKind("a NumPy array (.npy)", data: noTable)),
        signature(
            [0x89] + ascii("HDF\r\n"),
            FileKind(
                "an HDF5 file", data: noTable,
                model: "Convert the model to safetensors")),
        signature(
            ascii("SQLite format 3") + [0],
            FileKind(
                "an SQLite database",
                data:
                    "See its tables with sqlite3 FILE .tables and write one of them: sqlite3 -json "
                    + "FILE 'SELECT * FROM table' > OUT")),
        signature(ascii("%PDF-"), FileKind("a PDF document", data: noTable)),
        signature(ascii("{\\rtf"), FileKind("an RTF document", data: noTable)),
        signature(
            [0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1],
            FileKind("an old Office file (as .xls or .doc)", data: "Save it as CSV first")),
        signature(
            ascii("ustar"), at: 257,
            FileKind(
                "a tar archive", data: "Unpack it (tar -xf FILE) and give the files in it",
                model: "Unpack it: tar -xf FILE")),
        signature(ascii("BZh"), packed("bzip2", by: "bunzip2 -k")),
        signature([0xFD] + ascii("7zXZ") + [0], packed("xz", by: "xz -dk")),
        signature(ascii("7z") + [0xBC, 0xAF, 0x27, 0x1C], packed("7-Zip", by: "7z x")),
        signature(ascii("Rar!") + [0x1A, 7], packed("RAR", by: "unrar x")),
        signature([0x04, 0x22, 0x4D, 0x18], packed("LZ4", by: "lz4 -dk")),
        signature([0x1F, 0x9D], packed("compress", by: "uncompress -k")),
        signature(
            [0x1F, 0x8B, 8],
            FileKind(
                "packed by gzip", data: "Unpack it once: gunzip -k FILE",
                model: "Unpack it: gunzip -k FILE")),
        signature(
            [0x28, 0xB5, 0x2F, 0xFD],
            FileKind(
                "packed by Zstandard", data: "Unpack it once: unzstd FILE",
                model: "Unpack it: zstd -d FILE")),
        signature([0x80, 2], pickle), signature([0x80, 3], pickle), signature([0x80, 4], pickle),
        signature([0x80, 5], pickle),
        signature([0x89] + ascii("PNG"), FileKind("a picture (PNG)", data: noTable)),
        signature([0xFF, 0xD8, 0xFF], FileKind("a picture (JPEG)", data: noTable)),
        signature([0x7F] + ascii("ELF"), FileKind("a program (ELF)", data: noTable)),
    ]
}
