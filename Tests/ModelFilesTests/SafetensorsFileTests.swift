import Foundation
import ModelFiles
import Tensors
import Testing

@Suite struct SafetensorsFileTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// Opens a file of a header and some bytes of data.
    private func open(
        _ header: String, data: Int, length: UInt64? = nil
    ) throws -> SafetensorsFile {
        var writer = ByteWriter()
        writer.integer(length ?? UInt64(header.utf8.count))
        writer.bytes += header.utf8
        writer.bytes += [UInt8](repeating: 1, count: data)
        return try SafetensorsFile(path: folder.write("x.safetensors", writer.bytes))
    }

    @Test func readsWhatTheReferenceWriterWrote() throws {
        let file = try SafetensorsFile(path: Fixture.own("mixed.safetensors"))
        #expect(file.metadata == ["format": "pt"])
        #expect(
            file.names == ["Größe \"1\"\n", "empty", "scalar", "z.single", "a.brain", "b.half"])
        let half = try file.tensor("b.half")
        #expect(half.format == .float16 && half.shape == [1, 3])
        #expect(try half.floats() == [1.5, -2, 0.333251953125])
        #expect(try file.tensor("a.brain").floats() == [1, -3.140625, 0x1p-130])
        let single = try file.tensor("z.single")
        #expect(single.shape == [2, 2])
        let expected: [Float] = [0.1, -0.0, 3e38, .leastNonzeroMagnitude]
        #expect(try single.floats().map(\.bitPattern) == expected.map(\.bitPattern))
        #expect(try file.tensor("Größe \"1\"\n").floats() == [7.25])
        let scalar = try file.tensor("scalar")
        #expect(try scalar.shape.isEmpty && scalar.floats() == [4.5])
        #expect(try file.tensor("empty").floats().isEmpty)
    }

    @Test func readsTensorsThatAreNotAligned() throws {
        let file = try open(
            #"{"a":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]},"#
                + #""b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}"#, data: 6)
        #expect(try file.tensor("b").floats() == [Float(bitPattern: 0x0101_0101)])
    }

    @Test func namesWhatItLacksOrDoesNotSupport() throws {
        let file = try SafetensorsFile(path: Fixture.own("int64.safetensors"))
        expectError("int64.safetensors, tensor 'ids'", "dtype I64 is not supported") {
            try file.tensor("ids")
        }
        expectError("int64.safetensors, tensor 'none'", "is missing") { try file.tensor("none") }
        expectError("missing.safetensors", "No such file") {
            try SafetensorsFile(path: "\(folder.path)/missing.safetensors")
        }
    }

    @Test func refusesLyingLengths() throws {
        for count in 0..<8 {
            expectError("has \(count) bytes, too few") {
                try SafetensorsFile(
                    path: folder.write("x", [UInt8](repeating: 0, count: count)))
            }
        }
        expectError("header has 100000001 bytes; at most 100000000") {
            try open("{}", data: 0, length: 100_000_001)
        }
        expectError("header has \(UInt64.max) bytes") {
            try open("{}", data: 0, length: .max)
        }
        expectError("header has 3 bytes, but only 2 follow") { try open("{}", data: 0, length: 3) }
        expectError("header is no JSON object") { try open("", data: 0) }
        expectError("header is no JSON object") { try open("[]", data: 0) }
        expectError("header is no JSON object") { try open(" {}", data: 0) }
        expectError("is not valid JSON") { try open("{", data: 0) }
        expectError("1 bytes after the last tensor") { try open("{}", data: 1) }
    }

    @Test(arguments: [
        // (dtype, shape, data_offsets) of tensor t in a file with 8 bytes of data, what is said
        ("F32", "[2]", "[0,4]", "has 4 bytes, which shape [2] in F32 does not fill"),
        ("F32", "[3]", "[0,8]", "does not fill"),
        ("F32", "[2,4611686018427387904]", "[0,8]", "does not fill"),
        ("F32", "[9223372036854775807,0,2]", "[0,0]", "does not fill"),
        ("F32", "[9223372036854775808]", "[0,8]", "no list of counts"),
        ("F32", "[-2]", "[0,8]", "no list of counts"),
        ("F32", "[2.0]", "[0,8]", "no list of counts"),
        ("F32", "[2]", "[8,0]", "no range within the 8 bytes"),
        ("F32", "[3]", "[0,12]", "no range within the 8 bytes"),
        ("F32", "[2]", "[-8,0]", "no range within the 8 bytes"),
        ("F32", "[2]", "[0,4,8]", "no range within the 8 bytes"),
        ("F32", "[2]", "[0,18446744073709551615]", "no range within the 8 bytes"),
        ("F32", "[1]", "[4,8]", "begins at byte 4 of the data, but the tensors before it end at 0"),
        ("F32", "[1]", "[0,4]", "4 bytes after the last tensor"),
        ("Q4_0", "[2]", "[0,8]", "unknown dtype 'Q4_0'"),
        ("F128", "[2]", "[0,8]", "unknown dtype 'F128'"),
        ("F4", "[3]", "[0,8]", "does not fill"),
    ])
    func refusesEntry(_ type: String, _ shape: String, _ offsets: String, _ problem: String) {
        expectError("x.safetensors", problem) {
            try open(
                "{\"t\":{\"dtype\":\"\(type)\",\"shape\":\(shape),\"data_offsets\":\(offsets)}}",
                data: 8)
        }
    }

    @Test func refusesOverlapsAndDuplicates() {
        let entry = #"{"dtype":"F32","shape":[1],"data_offsets":[0,4]}"#
        expectError("tensor 'b'", "begins at byte 0") {
            try open("{\"a\":\(entry),\"b\":\(entry)}", data: 4)
        }
        expectError("key 'a' stands there twice") {
            try open("{\"a\":\(entry),\"a\":\(entry)}", data: 4)
        }
        expectError("tensor 'a'", "and nothing else") {
            try open(
                "{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4],\"x\":1}}", data: 4)
        }
        expectError("__metadata__") { try open("{\"__metadata__\":{\"a\":1}}", data: 0) }
        expectError("__metadata__") { try open("{\"__metadata__\":[]}", data: 0) }
    }

    @Test(.timeLimit(.minutes(10))) func refusesWhatIsNoRegularFile() throws {
        expectError("is not a regular file") { try SafetensorsFile(path: "/dev/zero") }
        expectError("is not a regular file") { try SafetensorsFile(path: folder.path) }
        let fifo = "\(folder.path)/fifo"
        #expect(mkfifo(fifo, 0o600) == 0)
        expectError("is not a regular file") { try SafetensorsFile(path: fifo) }
    }

    @Test func keepsHostileNamesOnOneLine() {
        expectError(#"tensor 'a\nb\u{1B}[2J'"#, "no range within") {
            try open(
                #"{"a\nb\u001b[2J":{"dtype":"F32","shape":[1],"data_offsets":[0,99]}}"#, data: 4)
        }
    }
}
