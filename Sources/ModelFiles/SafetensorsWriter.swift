import Files

/// Writes a safetensors file tensor by tensor, so that only one needs to be in memory.
///
/// The header comes first and is complete from the start; the tensors may then be written in any
/// order, each once. The same tensors give the same bytes, and those of Hugging Face's own writer:
/// wider types first, then by name, the header padded with blanks to a multiple of eight.
/// A file that is not finished is removed.
/// Source: huggingface/safetensors, `tensor.rs` (`prepare`).
public struct SafetensorsWriter: ~Copyable {
    private var file: NewFile
    private let layout: SafetensorsLayout
    private var pending: Set<String>

    /// Creates the file, which must not exist, and writes its header.
    ///
    /// - Throws: ``ModelFileError`` if `path` exists or cannot be written, or if a declaration is
    ///   impossible (a name twice, a block type, a size that overflows).
    public init(
        path: String, tensors: [SafetensorsDeclaration], metadata: [String: String] = [:]
    ) throws(ModelFileError) {
        let layout = try SafetensorsLayout(tensors, metadata: metadata, path: path)
        do throws(FileError) {
            let file = try NewFile(path: path)
            try layout.header.withBytes { (header) throws(FileError) in
                try file.write(header, at: 0)
            }
            self.file = file
        } catch {
            throw ModelFileError(error)
        }
        self.layout = layout
        pending = Set(layout.order)
    }

    /// Writes the bytes of the declared tensor `name`.
    ///
    /// - Parameters:
    ///   - name: Name of a declared tensor.
    ///   - bytes: Little-endian, row-major, exactly as many as declared.
    /// - Throws: ``ModelFileError`` if the bytes cannot be written.
    /// - Precondition: `name` is declared, not yet written, and `bytes.count` is its size.
    public mutating func write(
        _ name: String, bytes: UnsafeRawBufferPointer
    ) throws(ModelFileError) {
        guard let range = layout.ranges[name] else {
            preconditionFailure("tensor \(name) is not declared")
        }
        precondition(pending.contains(name), "tensor \(name) is written twice")
        precondition(
            bytes.count == range.count, "\(bytes.count) bytes for \(name), not \(range.count)")
        do throws(FileError) {
            try file.write(bytes, at: range.lowerBound)
        } catch {
            throw ModelFileError(error)
        }
        pending.remove(name)
    }

    /// Writes a float32 tensor.
    public mutating func write(_ name: String, floats: [Float]) throws(ModelFileError) {
        // Safe: the bytes of an array of Float are what the format wants on little-endian hosts,
        // the only ones this package is built for.
        try floats.withBytes { (bytes) throws(ModelFileError) in try write(name, bytes: bytes) }
    }

    /// Makes the file's content durable; its entry in the folder is the caller's to make durable.
    ///
    /// - Precondition: every declared tensor has been written.
    public consuming func finish() throws(ModelFileError) {
        precondition(pending.isEmpty, "not written: \(pending.sorted().joined(separator: ", "))")
        do throws(FileError) { try file.finish() } catch { throw ModelFileError(error) }
    }

    /// A whole small file as bytes.
    ///
    /// - Parameters:
    ///   - tensors: Declarations with the bytes that belong to them.
    ///   - metadata: The header's `__metadata__`.
    /// - Returns: What a writer with the same tensors would write.
    /// - Throws: ``ModelFileError`` if a declaration is impossible.
    /// - Precondition: each has as many bytes as declared.
    public static func bytes(
        tensors: [(declaration: SafetensorsDeclaration, bytes: [UInt8])],
        metadata: [String: String] = [:]
    ) throws(ModelFileError) -> [UInt8] {
        let layout = try SafetensorsLayout(
            tensors.map(\.declaration), metadata: metadata, path: "safetensors")
        var file = layout.header
        let contents = Dictionary(uniqueKeysWithValues: tensors.map { ($0.declaration.name, $0) })
        for name in layout.order {
            guard let tensor = contents[name], let range = layout.ranges[name] else { continue }
            precondition(
                tensor.bytes.count == range.count,
                "\(tensor.bytes.count) bytes for \(name), not \(range.count)")
            file += tensor.bytes
        }
        return file
    }
}
