import Foundation
import ModelFiles
import Tensors
import Testing

@Suite struct SafetensorsWriterTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// What a file holds, to be written again.
    private func contents(
        _ file: SafetensorsFile
    ) throws -> [(declaration: SafetensorsDeclaration, bytes: [UInt8])] {
        try file.names.reversed().map { name in
            let tensor = try file.tensor(name)
            return (
                SafetensorsDeclaration(
                    name: name, format: tensor.format, shape: tensor.shape),
                Array(tensor.bytes)
            )
        }
    }

    @Test(arguments: [
        Fixture.own("mixed.safetensors"), Fixture.shared("tiny-llama/model.safetensors"),
        Fixture.shared("tiny-llama/adapter-all/adapter_model.safetensors"),
        Fixture.shared("tiny-llama-tied-bf16/model-00001-of-00003.safetensors"),
    ])
    func writesTheBytesOfTheReferenceWriter(_ path: String) throws {
        let file = try SafetensorsFile(path: path)
        let tensors = try contents(file)
        let bytes = try SafetensorsWriter.bytes(tensors: tensors, metadata: file.metadata)
        #expect(try bytes == Fixture.bytes(path))

        let copy = "\(folder.path)/copy.safetensors"
        var writer = try SafetensorsWriter(
            path: copy, tensors: tensors.map(\.declaration), metadata: file.metadata)
        for tensor in tensors {
            try tensor.bytes.withUnsafeBytes {
                try writer.write(tensor.declaration.name, bytes: $0)
            }
        }
        try writer.finish()
        #expect(try Fixture.bytes(copy) == Fixture.bytes(path))
    }

    @Test func roundTripsFloats() throws {
        let path = "\(folder.path)/a.safetensors"
        var writer = try SafetensorsWriter(
            path: path, tensors: [SafetensorsDeclaration(name: "a", shape: [2, 1])])
        try writer.write("a", floats: [0.1, -7])
        try writer.finish()
        let tensor = try SafetensorsFile(path: path).tensor("a")
        #expect(tensor.shape == [2, 1] && tensor.format == .float32)
        #expect(try tensor.floats() == [0.1, -7])
    }

    @Test func overwritesNothing() throws {
        let path = try folder.write("there", "precious")
        expectError("there", "cannot be created", "nothing is overwritten") {
            _ = try SafetensorsWriter(path: path, tensors: [])
        }
        #expect(try Fixture.bytes(path) == Array("precious".utf8))
        let link = "\(folder.path)/link"
        #expect(symlink("\(folder.path)/nowhere", link) == 0)
        expectError("link", "cannot be created") {
            _ = try SafetensorsWriter(path: link, tensors: [])
        }
        expectError("cannot be created (No such file or directory)") {
            _ = try SafetensorsWriter(path: "\(folder.path)/no/such", tensors: [])
        }
    }

    @Test func removesAFileThatIsNotFinished() throws {
        let path = "\(folder.path)/half"
        do {
            var writer = try SafetensorsWriter(
                path: path,
                tensors: ["a", "b"].map { SafetensorsDeclaration(name: $0, shape: [1]) })
            try writer.write("a", floats: [1])
            #expect(FileManager.default.fileExists(atPath: path))
        }
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test func refusesImpossibleDeclarations() {
        let path = "\(folder.path)/x"
        for declaration in [
            SafetensorsDeclaration(name: "t", shape: [-1]),
            SafetensorsDeclaration(name: "t", shape: [1 << 62, 4]),
            SafetensorsDeclaration(name: "t", format: .named("Q4_0"), shape: [32]),
        ] {
            expectError("tensor 't'", "cannot be written") {
                _ = try SafetensorsWriter(path: path, tensors: [declaration])
            }
        }
        let twice = [SafetensorsDeclaration](
            repeating: SafetensorsDeclaration(name: "t", shape: [1]), count: 2)
        expectError("tensor 't'", "declared twice") {
            _ = try SafetensorsWriter(path: path, tensors: twice)
        }
        #expect(!FileManager.default.fileExists(atPath: path))
    }
}
