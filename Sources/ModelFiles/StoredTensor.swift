public import Files
public import Tensors
import Words

/// A tensor inside a mapped model file, checked against the file's bounds.
public struct StoredTensor: @unchecked Sendable {
    /// Name as transformers has it, e.g. `model.layers.0.self_attn.q_proj.weight`.
    public let name: String
    public let format: BlockFormat
    /// Outermost dimension first.
    public let shape: [Int]
    /// Exactly the bytes of the tensor.
    public let bytes: UnsafeRawBufferPointer
    /// Keeps `bytes` mapped.
    public let file: MappedFile
    /// In which order the file holds the rows, or the elements of a vector.
    public let rowOrder: RowOrder

    public init(
        name: String, format: BlockFormat, shape: [Int], bytes: UnsafeRawBufferPointer,
        file: MappedFile, rowOrder: RowOrder = .asModel
    ) {
        self.name = name
        self.format = format
        self.shape = shape
        self.bytes = bytes
        self.file = file
        self.rowOrder = rowOrder
    }
}

extension StoredTensor {
    /// The elements as float32, in the order of the file.
    ///
    /// Exact: every float16 and bfloat16 number is a float32 number.
    ///
    /// - Throws: ``ModelFileError`` if the tensor is stored in blocks.
    public func floats() throws(ModelFileError) -> [Float] {
        guard let scalar = format.scalar else {
            throw ModelFileError(
                "is stored as \(format.name), where F32, F16 or BF16 is needed",
                file: file.path, part: "tensor \(name.quoted)")
        }
        let isWide = format.bytes == MemoryLayout<UInt32>.size
        return (0..<bytes.count / format.bytes).map {
            let offset = $0 * format.bytes
            let bits =
                isWide
                ? UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
                : UInt32(
                    UInt16(
                        littleEndian: bytes.loadUnaligned(
                            fromByteOffset: offset, as: UInt16.self)))
            return scalar.widen(bits)
        }
    }
}
