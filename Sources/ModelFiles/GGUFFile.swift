public import Files
import Tensors
import Words

/// A GGUF file, version 3: metadata and where its tensors lie.
///
/// Everything is checked when the file is opened: counts against the bytes that remain, sizes with
/// checked arithmetic, tensors for lying end to end as ggml demands it.
/// Source: ggml `docs/gguf.md`.
public struct GGUFFile: Sendable {
    /// A tensor as the file's table has it.
    public struct Entry: Sendable {
        /// Name in the file, e.g. `blk.0.attn_q.weight`.
        public let name: String
        /// Encoding as ggml names it, e.g. `Q4_1`; it may be one that we cannot compute with.
        public let typeName: String
        /// Outermost dimension first, the reverse of what the file has.
        public let shape: [Int]
        /// Where the bytes lie in the file.
        public let byteRange: Range<Int>
    }

    /// The mapped file.
    public let file: MappedFile
    /// The key-value section.
    public let metadata: [String: GGUFValue]
    /// Tensors begin at multiples of this many bytes.
    public let alignment: Int
    /// The tensors in the file's order.
    public let entries: [Entry]

    private let positions: [String: Int]

    /// Maps and checks the file at `path`.
    public init(path: String) throws(ModelFileError) {
        try self.init(file: MappedFile.model(path))
    }

    /// Checks a mapped file.
    public init(file: MappedFile) throws(ModelFileError) {
        self.file = file
        var cursor = GGUFCursor(file)
        try Self.checkPreamble(&cursor)
        let tensorCount = try cursor.count(
            bytesEach: GGUFTensorTable.smallestEntryBytes, "number of tensors")
        let keyCount = try cursor.count(
            bytesEach: GGUFMetadata.smallestEntryBytes, "number of metadata keys")
        metadata = try GGUFMetadata.read(&cursor, count: keyCount)
        alignment = try Self.alignment(metadata, path: file.path)
        entries = try GGUFTensorTable.read(&cursor, count: tensorCount, alignment: alignment)
        var positions: [String: Int] = [:]
        for (index, entry) in entries.enumerated() {
            guard positions.updateValue(index, forKey: entry.name) == nil else {
                throw ModelFileError(
                    "stands there twice", file: file.path, part: "tensor \(entry.name.quoted)")
            }
        }
        self.positions = positions
    }

    /// The table's row for `name`, or `nil`.
    public func entry(_ name: String) -> Entry? { positions[name].map { entries[$0] } }

    /// The tensor that the file calls `name`.
    ///
    /// - Throws: ``ModelFileError`` if there is none, or if its encoding is none of
    ///   ``BlockFormat``.
    public func tensor(_ name: String) throws(ModelFileError) -> StoredTensor {
        let part = "tensor \(name.quoted)"
        guard let entry = entry(name) else {
            throw ModelFileError("is missing", file: file.path, part: part)
        }
        guard let format = BlockFormat.computable(entry.typeName) else {
            let supported = BlockFormat.computable.map(\.name).joined(separator: ", ")
            throw ModelFileError(
                "type \(entry.typeName) is not supported; supported: \(supported)",
                file: file.path, part: part, hint: "Use a file with another quantisation")
        }
        return StoredTensor(
            name: name, format: format, shape: entry.shape,
            bytes: UnsafeRawBufferPointer(rebasing: file.bytes[entry.byteRange]), file: file)
    }

    private static func checkPreamble(_ cursor: inout GGUFCursor) throws(ModelFileError) {
        let magic = try cursor.integer(UInt32.self, "magic number")
        guard magic == 0x4655_4747 else {  // "GGUF", read little-endian
            let old: [UInt32] = [0x6767_6d6c, 0x6767_6a74, 0x6767_6d66, 0x6767_6c61]
            throw ModelFileError(
                old.contains(magic)
                    ? "is a ggml file from before GGUF" : "is not a GGUF file",
                file: cursor.path,
                hint: "Give a .gguf file of version 3, or a folder with config.json and "
                    + "safetensors files")
        }
        let version = try cursor.integer(UInt32.self, "version")
        guard version != 3 else { return }
        throw ModelFileError(
            version.byteSwapped == 3
                ? "is a big-endian GGUF file; only little-endian ones are supported"
                : "has GGUF version \(version); only version 3 is supported",
            file: cursor.path, hint: "Convert the model again with a current llama.cpp")
    }

    private static func alignment(
        _ metadata: [String: GGUFValue], path: String
    ) throws(ModelFileError) -> Int {
        guard let value = metadata["general.alignment"] else { return 32 }
        guard case .integer(let number) = value, number > 0, number <= 1 << 30,
            number & (number - 1) == 0
        else {
            throw ModelFileError(
                "is \(value.shown), but must be a power of two", file: path,
                part: "metadata key 'general.alignment'", hint: GGUFCursor.damaged)
        }
        return Int(number)
    }
}

extension MappedFile {
    /// Maps `path`, with this room's error.
    static func model(_ path: String) throws(ModelFileError) -> MappedFile {
        let file: MappedFile
        do throws(FileError) {
            file = try MappedFile(path: path)
        } catch {
            throw ModelFileError(error.problem, file: error.location ?? path, hint: error.hint)
        }
        try file.requireModelFile()
        return file
    }
}
