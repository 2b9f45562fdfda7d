import Files
import Foundation
import ModelFiles
import Tensors
import Testing

/// Models that llama.cpp has split: any part stands for all.
@Suite struct GGUFPartsTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func name(_ index: Int) -> String { "m-0000\(index + 1)-of-00003.gguf" }

    /// `tinyLlama` as llama-gguf-split leaves it: the metadata in the first part, tensors in all.
    private var parts: [GGUFBytes] {
        let whole = GGUFBytes.tinyLlama
        var parts = [whole, GGUFBytes(), GGUFBytes()]
        parts[0].tensors = []
        for (index, tensor) in whole.tensors.enumerated() {
            parts[1 + index % 2].tensors.append(tensor)
        }
        for index in parts.indices {
            parts[index].set("split.no", .uint16(UInt16(index)))
            parts[index].set("split.count", .uint16(3))
            parts[index].set("split.tensors.count", .uint32(UInt32(whole.tensors.count)))
        }
        return parts
    }

    private func write(_ parts: [GGUFBytes]) throws {
        for (index, part) in parts.enumerated() { try folder.write(name(index), part.bytes) }
    }

    @Test(arguments: 0..<3)
    func anyPartIsReadWithItsSiblings(_ index: Int) throws {
        try write(parts)
        let model = try BaseModel.open(path: "\(folder.path)/\(name(index))")
        let whole = try BaseModel.open(path: folder.write("a.gguf", GGUFBytes.tinyLlama.bytes))
        #expect(model.configuration == whole.configuration)
        #expect(model.tensorNames == whole.tensorNames)
        #expect(model.ggufMetadata?["tokenizer.ggml.tokens"] == .texts(["a", "b", "c"]))
        #expect(model.files.map(\.path) == (0..<3).map { "\(folder.path)/\(name($0))" })
        for name in whole.tensorNames {
            #expect(try model.tensor(name).shape == whole.tensor(name).shape)
        }
    }

    private func expectRefusal(
        _ open: Int = 1, _ texts: String..., changing change: (inout [GGUFBytes]) throws -> Void
    ) throws {
        var changed = parts
        try change(&changed)
        try write(changed)
        for text in texts {
            expectError(text) { try BaseModel.open(path: "\(folder.path)/\(name(open))") }
        }
    }

    @Test func aMissingSiblingIsRefusedByName() throws {
        try write(parts)
        try FileManager.default.removeItem(atPath: "\(folder.path)/\(name(2))")
        expectError("\(folder.path)/\(name(2)): is missing: part 3 of the 3", "one folder") {
            try BaseModel.open(path: "\(folder.path)/\(name(0))")
        }
    }

    @Test func aRenamedPartIsRefused() throws {
        try write(parts)
        let renamed = try folder.write("part.gguf", parts[1].bytes)
        expectError("is part 2 of 3", "-00002-of-00003.gguf") {
            try BaseModel.open(path: renamed)
        }
    }

    @Test func partsThatContradictEachOtherAreRefused() throws {
        try expectRefusal(1, name(2), "does not say that it is part 3 of 3") {
            $0[2].set("split.no", .uint16(1))
        }
        try expectRefusal(0, "'split.tensors.count'", "says 12, but the 3 parts have 11") {
            $0[0].set("split.tensors.count", .uint32(12))
        }
        try expectRefusal(0, "tensor 'output_norm.weight'", "stands in another part too") {
            $0[1].tensors.append(GGUFBytes.Tensor("output_norm.weight", [8]))
        }
    }
}
