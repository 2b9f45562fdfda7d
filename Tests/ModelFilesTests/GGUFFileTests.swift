import ModelFiles
import Tensors
import Testing

@Suite struct GGUFFileTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func open(_ file: GGUFBytes) throws -> GGUFFile {
        try GGUFFile(path: folder.write("x.gguf", file.bytes))
    }

    @Test func readsWhatTheReferenceWriterWrote() throws {
        let file = try GGUFFile(path: Fixture.shared("tiny-llama-gguf/tiny-llama.gguf"))
        #expect(file.alignment == 32)
        #expect(file.metadata["general.architecture"] == .text("llama"))
        #expect(file.metadata["llama.block_count"] == .integer(3))
        #expect(file.metadata["llama.rope.freq_base"] == .number(10_000))
        #expect(file.metadata["tokenizer.ggml.add_bos_token"] == .boolean(false))
        guard case .texts(let tokens)? = file.metadata["tokenizer.ggml.tokens"],
            case .integers(let kinds)? = file.metadata["tokenizer.ggml.token_type"]
        else {
            Issue.record("no tokens")
            return
        }
        #expect(tokens.count == 512 && tokens[0] == "<|endoftext|>" && tokens[2] == "!")
        #expect(kinds.count == 512 && kinds[0] == 3 && kinds[2] == 1)
        let types = Set(file.entries.map(\.typeName))
        #expect(types == ["F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1"])
        let tensor = try file.tensor("blk.1.ffn_gate.weight")
        #expect(tensor.format == .named("Q8_0") && tensor.shape == [112, 64])
        #expect(tensor.bytes.count == 112 * 2 * 34)
    }

    @Test func readsEveryKindOfMetadata() throws {
        var file = GGUFBytes()
        file.metadata = [
            ("u8", .raw(0, [0xFF])), ("i8", .raw(1, [0xFF])), ("u16", .raw(2, [0xFE, 0xFF])),
            ("i16", .raw(3, [0xFE, 0xFF])), ("i32", .raw(5, [0xFE, 0xFF, 0xFF, 0xFF])),
            ("u64", .raw(10, [1, 0, 0, 0, 1, 0, 0, 0])),
            ("i64", .raw(11, [UInt8](repeating: 0xFF, count: 8))),
            ("f64", .raw(12, [0, 0, 0, 0, 0, 0, 0xF8, 0x3F])), ("yes", .raw(7, [1])),
            ("bools", .raw(9, [7, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0])),
            ("bytes", .raw(9, [0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 9, 200])),
            ("halves", .raw(9, [6, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x3F])),
        ]
        let metadata = try open(file).metadata
        #expect(metadata["u8"] == .integer(255) && metadata["i8"] == .integer(-1))
        #expect(metadata["u16"] == .integer(65_534) && metadata["i16"] == .integer(-2))
        #expect(metadata["i32"] == .integer(-2) && metadata["u64"] == .integer(1 << 32 + 1))
        #expect(metadata["i64"] == .integer(-1) && metadata["f64"] == .number(1.5))
        #expect(metadata["yes"] == .boolean(true))
        #expect(metadata["bools"] == .booleans([true, false]))
        #expect(metadata["bytes"] == .integers([9, 200]))
        #expect(metadata["halves"] == .numbers([0.5]))
    }

    @Test func refusesOtherFormats() {
        var file = GGUFBytes.tinyLlama
        file.magic = Array("lmgg".utf8)
        expectError("is a ggml file from before GGUF") { try open(file) }
        file.magic = Array("PKZP".utf8)
        expectError("is not a GGUF file", "config.json") { try open(file) }
        file.magic = Array("PK\u{3}\u{4}".utf8)
        expectError("is a zip archive", "unzip") { try open(file) }
        file = .tinyLlama
        file.version = 3 << 24
        expectError("big-endian") { try open(file) }
        file.version = 2
        expectError("version 2; only version 3") { try open(file) }
    }

    @Test func refusesCountsBeyondTheFile() {
        var file = GGUFBytes.tinyLlama
        file.toldTensorCount = .max
        expectError("number of tensors", "says 18446744073709551615") { try open(file) }
        file = .tinyLlama
        file.toldKeyCount = 1 << 40
        expectError("number of metadata keys", "says 1099511627776") { try open(file) }
        file = .tinyLlama
        file.set("k", .raw(8, [UInt8](repeating: 0xFF, count: 8)))
        expectError("length of metadata key 'k'") { try open(file) }
        for kind: UInt8 in [0, 4, 6, 7, 8, 12] {
            file.set("k", .raw(9, [kind, 0, 0, 0] + [UInt8](repeating: 0x7F, count: 8)))
            expectError("array length of metadata key 'k'") { try open(file) }
        }
        // 47 bytes remain, enough for six elements but not for six of eight bytes.
        file = GGUFBytes()
        file.metadata = [
            (
                "k",
                .raw(9, [12, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0] + [UInt8](repeating: 0, count: 16))
            )
        ]
        expectError("array length of metadata key 'k'", "says 6, but only 47 bytes") {
            try open(file)
        }
    }

    @Test func refusesBrokenMetadata() {
        var file = GGUFBytes.tinyLlama
        file.set("k", .raw(13, []))
        expectError("metadata key 'k'", "unknown value type 13") { try open(file) }
        file.set("k", .raw(7, [2]))
        expectError("metadata key 'k'", "boolean with the value 2") { try open(file) }
        file.set("k", .raw(9, [9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]))
        expectError("metadata key 'k'", "array of arrays") { try open(file) }
        file.set("k", .raw(8, [1, 0, 0, 0, 0, 0, 0, 0, 0xFF]))
        expectError("metadata key 'k'", "UTF-8") { try open(file) }
        file.set("k", .raw(10, [UInt8](repeating: 0xFF, count: 8)))
        expectError("metadata key 'k'", "18446744073709551615") { try open(file) }
        file.set("k", nil)
        file.metadata += [("k", .uint32(1)), ("k", .uint32(1))]
        expectError("metadata key 'k'", "twice") { try open(file) }
        file = .tinyLlama
        file.set("", .uint32(1))
        expectError("metadata key ''", "0 bytes long") { try open(file) }
    }

    @Test(arguments: [
        GGUFBytes.Value.uint32(0), .uint32(24), .uint32(3), .text("32"), .uint32(.max),
    ])
    func refusesAlignment(_ value: GGUFBytes.Value) {
        var file = GGUFBytes.tinyLlama
        file.set("general.alignment", value)
        expectError("general.alignment", "must be a power of two") { try open(file) }
    }

    @Test func readsAnotherAlignment() throws {
        var file = GGUFBytes.tinyLlama
        file.set("general.alignment", .uint32(64))
        file.alignment = 64
        let opened = try open(file)
        #expect(opened.entries.allSatisfy { $0.byteRange.lowerBound.isMultiple(of: 64) })
    }

    @Test func refusesImpossibleTensors() {
        func refuse(_ parts: String, _ change: (inout GGUFBytes.Tensor) -> Void) {
            var file = GGUFBytes()
            file.tensors = [GGUFBytes.Tensor("t", [8, 4])]
            change(&file.tensors[0])
            expectError("x.gguf, tensor 't'", parts) { try open(file) }
        }
        refuse("0 dimensions") { $0.sizes = [] }
        refuse("5 dimensions") { $0.sizes = [1, 1, 1, 1, 1] }
        refuse("impossible size [8, 0]") { $0.sizes = [8, 0] }
        refuse("impossible size") { $0.sizes = [1 << 63, 2] }
        refuse("impossible size") { $0.sizes = [1 << 32, 1 << 32] }
        // The product of sizes fits, times four bytes it does not.
        refuse("impossible size") { $0.sizes = [1 << 31, 1 << 31] }
        // A row of 8 fills no block of 32.
        refuse("impossible size [8, 4] in Q4_0") { $0.type = 2 }
        refuse("unknown type number 4") { $0.type = 4 }
        refuse("unknown type number 4294967295") { $0.type = .max }
        refuse("has offset 32, but the tensors before it end at 0") { $0.toldOffset = 32 }
        refuse("has offset 18446744073709551584") { $0.toldOffset = .max - 31 }
        refuse("but the file ends at") { $0.sizes = [1 << 20, 1 << 20] }
    }

    @Test func refusesDuplicatesOverlapsAndTrailingBytes() {
        var file = GGUFBytes()
        file.tensors = [GGUFBytes.Tensor("t", [8]), GGUFBytes.Tensor("t", [8])]
        expectError("tensor 't'", "twice") { try open(file) }
        file.tensors[1].name = "u"
        file.tensors[1].toldOffset = 0
        expectError("tensor 'u'", "has offset 0, but the tensors before it end at 32") {
            try open(file)
        }
        file.tensors[1].toldOffset = nil
        file.trailer = [0]
        expectError("x.gguf", "1 bytes after the last tensor") { try open(file) }
    }

    @Test func knowsEncodingsThatItDoesNotSupport() throws {
        var file = GGUFBytes()
        file.tensors = [
            GGUFBytes.Tensor("t", [256], type: 12, bytes: [UInt8](repeating: 0, count: 144))
        ]
        let opened = try open(file)
        #expect(opened.entry("t")?.typeName == "Q4_K")
        expectError(
            "x.gguf, tensor 't'", "type Q4_K is not supported; supported: F32, F16, BF16, Q4_0"
        ) {
            try opened.tensor("t")
        }
    }
}
