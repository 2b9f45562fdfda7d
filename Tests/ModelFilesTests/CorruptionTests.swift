import Faults
import ModelFiles
import Testing

/// Damage of every byte: each file is refused, or what is read lies within it.
@Suite struct CorruptionTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func openSafetensors(_ bytes: [UInt8]) throws -> Bool {
        let path = try folder.write("x.safetensors", bytes)
        do throws(ModelFileError) {
            let file = try SafetensorsFile(path: path)
            for entry in file.entries {
                #expect(entry.byteRange.lowerBound >= 8)
                #expect(entry.byteRange.upperBound <= bytes.count)
                if ["F32", "F16", "BF16"].contains(entry.typeName) {
                    let floats = try file.tensor(entry.name).floats()
                    #expect(floats.count == entry.shape.reduce(1, *))
                }
            }
            return true
        } catch {
            #expect(error.description.hasPrefix(path))
            return false
        }
    }

    private func openGGUF(_ bytes: [UInt8]) throws -> Bool {
        let path = try folder.write("x.gguf", bytes)
        do throws(ModelFileError) {
            let file = try GGUFFile(path: path)
            for entry in file.entries {
                #expect(entry.byteRange.lowerBound > 24)
                #expect(entry.byteRange.upperBound <= bytes.count)
            }
            let model = try BaseModel.open(path: path)
            for name in model.tensorNames { _ = try model.tensor(name) }
            return true
        } catch {
            #expect(error.description.hasPrefix(path))
            return false
        }
    }

    /// Where the weights begin, which may be anything; only the header can lie.
    private func dataStart(_ bytes: [UInt8]) throws -> Int {
        let file = try GGUFFile(path: folder.write("x.gguf", bytes))
        return try #require(file.entries.first).byteRange.lowerBound
    }

    /// Each byte replaced by values that turn counts small, large and negative.
    private func mutants(_ bytes: [UInt8], below end: Int) -> some Sequence<[UInt8]> {
        (0..<end).lazy.flatMap { index in
            [bytes[index] ^ 1, bytes[index] ^ 0x80, 0, 0xFF, bytes[index] &+ 1].lazy.map {
                var mutant = bytes
                mutant[index] = $0
                return mutant
            }
        }
    }

    @Test(.timeLimit(.minutes(10))) func safetensors() throws {
        let bytes = try Fixture.bytes(Fixture.own("mixed.safetensors"))
        #expect(try openSafetensors(bytes))
        for length in 0..<bytes.count {
            #expect(try !openSafetensors(Array(bytes[..<length])), "cut to \(length) bytes")
        }
        var survivors = 0
        for mutant in mutants(bytes, below: bytes.count) where try openSafetensors(mutant) {
            survivors += 1
        }
        // All bytes of data may change, and so may the letters of names.
        #expect(survivors > 36)
        #expect(try !openSafetensors(bytes + [0]))
    }

    @Test(.timeLimit(.minutes(10))) func gguf() throws {
        var file = GGUFBytes.tinyLlama
        file.set("padding", .raw(9, [0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 9, 200]))
        let bytes = file.bytes
        #expect(try openGGUF(bytes))
        for length in 0..<bytes.count {
            #expect(try !openGGUF(Array(bytes[..<length])), "cut to \(length) bytes")
        }
        for mutant in mutants(bytes, below: try dataStart(bytes)) { _ = try openGGUF(mutant) }
        #expect(try !openGGUF(bytes + [0]))
    }
}
