public import Files
import Tensors
import Words

/// A safetensors file: where its tensors lie, checked when it is opened.
public struct SafetensorsFile: Sendable {
    /// A tensor as the header has it.
    public struct Entry: Sendable {
        public let name: String
        /// Encoding as the format names it, e.g. `BF16`; it may be one that we cannot compute with.
        public let typeName: String
        /// Outermost dimension first; empty for a scalar.
        public let shape: [Int]
        /// Where the bytes lie in the file.
        public let byteRange: Range<Int>
    }

    /// The mapped file.
    public let file: MappedFile
    /// The header's `__metadata__`.
    public let metadata: [String: String]
    /// The tensors in the order of their bytes.
    public let entries: [Entry]

    private let positions: [String: Int]

    /// Maps and checks the file at `path`.
    public init(path: String) throws(ModelFileError) {
        try self.init(file: MappedFile.model(path))
    }

    /// Checks a mapped file.
    public init(file: MappedFile) throws(ModelFileError) {
        self.file = file
        let content = try SafetensorsHeader.read(file)
        metadata = content.metadata
        entries = content.entries
        positions = Dictionary(
            uniqueKeysWithValues: content.entries.enumerated().map { ($1.name, $0) })
    }

    /// Names of all tensors, in the order of their bytes.
    public var names: [String] { entries.map(\.name) }

    /// The header's entry for `name`, or `nil`.
    public func entry(_ name: String) -> Entry? { positions[name].map { entries[$0] } }

    /// The tensor `name`, which lies at any byte, not only at multiples of its element's size.
    ///
    /// - Throws: ``ModelFileError`` if there is none, or if its dtype is none of F32, F16, BF16.
    public func tensor(_ name: String) throws(ModelFileError) -> StoredTensor {
        let part = "tensor \(name.quoted)"
        guard let entry = entry(name) else {
            throw ModelFileError("is missing", file: file.path, part: part)
        }
        guard let format = BlockFormat.computable(entry.typeName), format.scalar != nil else {
            throw ModelFileError(
                "dtype \(entry.typeName) is not supported; supported: F32, F16, BF16",
                file: file.path, part: part)
        }
        return StoredTensor(
            name: name, format: format, shape: entry.shape,
            bytes: UnsafeRawBufferPointer(rebasing: file.bytes[entry.byteRange]), file: file)
    }
}
