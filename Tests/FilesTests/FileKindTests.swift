import Files
import Testing

@Suite struct FileKindTests {
    private func kind(_ bytes: [UInt8]) -> FileKind? { bytes.withUnsafeBytes { FileKind.of($0) } }

    private func kind(_ text: String) -> FileKind? { kind([UInt8](text.utf8)) }

    private static let pointer = """
        version https://git-lfs.github.com/spec/v1
        oid sha256:4665a5ea423c2713d436b5ee50593a9640e0018c1550b5a0002f74190d6caea8
        size 138102720

        """

    @Test(arguments: [
        ("PAR1....", "a Parquet file"), ("ARROW1\0\0", "an Arrow (Feather) file"),
        ("SQLite format 3\0", "an SQLite database"), ("%PDF-1.7", "a PDF document"),
        ("BZh91AY&SY", "packed by bzip2"), ("GGUF\u{3}", "a GGUF model"),
        ("{\\rtf1", "an RTF document"), ("<!DOCTYPE html>\n<html>", "a web page (HTML)"),
        ("\u{FEFF}\r\n <HTML lang=en>", "a web page (HTML)"), ("<head><title>", "a web page"),
        ("<?xml version='1.0'?><Error><Code>AccessDenied", "XML, an error that a server"),
        ("<?xml version=\"1.0\"?><rows>", "XML"), ("# xet version 0\n", "a Xet pointer"),
        ("/annex/objects/SHA256E-s1", "a git-annex pointer"),
        (
            FileKindTests.pointer,
            "a Git-LFS pointer, and not the file that it stands for (138102720 bytes)"
        ),
        ("{\0\"\0", "text in UTF-16LE"), ("\0{\0\"", "text in UTF-16BE"),
        ("[\0\0\0", "text in UTF-32LE"), ("\0\0\0[", "text in UTF-32BE"),
    ])
    func textsAreCalledWhatTheyAre(content: String, name: String) {
        #expect(kind(content)?.name.hasPrefix(name) ?? false, "\(kind(content)?.name ?? "")")
    }

    @Test(
        arguments: [
            ([0xFF, 0xFE, 0x7B, 0], "text in UTF-16,"), ([0xFE, 0xFF], "text in UTF-16,"),
            ([0xFF, 0xFE, 0, 0], "text in UTF-32,"), ([0, 0, 0xFE, 0xFF], "text in UTF-32,"),
            ([0xFF, 0xFF, 0xFF, 0xFF, 0x90, 1, 0, 0], "an Arrow stream"),
            ([0x80, 4, 0x95, 0x0A], "a Python pickle"), ([0x80, 2, 0x7D], "a Python pickle"),
            ([0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59, 1, 0], "a NumPy array"),
            ([0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A], "an HDF5 file"),
            ([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0], "packed by xz"),
            ([0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C], "packed by 7-Zip"),
            ([0x1F, 0x8B, 8, 0], "packed by gzip"),
            ([0x28, 0xB5, 0x2F, 0xFD], "packed by Zstandard"),
            // Eight bytes of length that are gzip's, a pickle's, JPEG's, and then a header.
            ([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0x7B, 0x22], "a safetensors file"),
            ([0x80, 2, 0, 0, 0, 0, 0, 0, 0x7B, 0x22], "a safetensors file"),
        ] as [([UInt8], String)])
    func bytesAreCalledWhatTheyAre(bytes: [UInt8], name: String) {
        #expect(kind(bytes)?.name.hasPrefix(name) ?? false, "\(kind(bytes)?.name ?? "")")
    }

    /// The local header of a zip archive: 26 bytes, the name's length, and the name.
    @Test(arguments: [
        ("[Content_Types].xml", "an Office file"), ("arr_0.npy", "NumPy's .npz"),
        ("archive/data.pkl", "a PyTorch file"), ("train.jsonl", "a zip archive"),
    ])
    func zipArchivesAreToldByTheirFirstMember(member: String, name: String) {
        let header: [UInt8] =
            [0x50, 0x4B, 3, 4] + [UInt8](repeating: 0, count: 22)
            + [UInt8(member.utf8.count), 0, 0, 0] + [UInt8](member.utf8)
        #expect(kind(header)?.name.hasPrefix(name) ?? false)
        #expect(kind(Array(header.prefix(12)))?.name == "a zip archive")
    }

    @Test func aTarArchiveIsToldByBytesFarInside() {
        var block = [UInt8](repeating: 0, count: 512)
        block.replaceSubrange(0..<4, with: [UInt8]("a.js".utf8))
        #expect(kind(block) == nil)
        block.replaceSubrange(257..<262, with: [UInt8]("ustar".utf8))
        #expect(kind(block)?.name == "a tar archive")
    }

    /// What data and models may begin with, and texts that are told otherwise.
    @Test(arguments: [
        "", "{", "{\"a\": 1}\n", "[{\"a\": 1}]", "\n\t {\"text\": \"<html>\"}", "\u{FEFF}{\"a\":1}",
        "a,b\n1,2\n", "plain text", "PA", "7", "\"text\"", "< 3", "ä\0\0\0",
    ])
    func textIsOfNoKind(content: String) {
        #expect(kind(content) == nil)
    }

    @Test func advicePutsPathsIn() throws {
        let parquet = try #require(kind("PAR1"))
        let plain = try #require(parquet.dataHint(path: "data/train.parquet"))
        #expect(plain.hasSuffix(" data/train.parquet > data/train.jsonl"))
        let odd = try #require(parquet.dataHint(path: "my data/it's.parquet"))
        #expect(odd.hasSuffix(#" 'my data/it'\''s.parquet' > 'my data/it'\''s.jsonl'"#))
        #expect(parquet.modelHint(path: "a") == nil)
        let wide = try #require(kind([0xFF, 0xFE, 0x7B, 0]))
        #expect(
            wide.dataHint(path: "a.jsonl")
                == "Convert it: iconv -f UTF-16 -t UTF-8 a.jsonl > a.new.jsonl")
        #expect(kind(Self.pointer)?.modelHint(path: "a")?.contains("git lfs pull") ?? false)
    }
}
