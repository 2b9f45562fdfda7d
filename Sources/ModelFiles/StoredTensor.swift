public import Files
public import Tensors
import Words

/// A tensor inside a mapped model file, checked against the file's bounds.
public struct StoredTensor: @unchecked Sendable {
    /// Name as transformers has it, e.g. `model.layers.0.self_attn.q_proj.weight`.
    public let name: String
    public let elementType: ElementType
    /// Outermost dimension first.
    public let shape: [Int]
    /// Exactly the bytes of the tensor.
    public let bytes: UnsafeRawBufferPointer
    /// Keeps `bytes` mapped.
    public let file: MappedFile
    /// In which order the file holds the rows, or the elements of a vector.
    public let rowOrder: RowOrder

    public init(
        name: String, elementType: ElementType, shape: [Int], bytes: UnsafeRawBufferPointer,
        file: MappedFile, rowOrder: RowOrder = .asModel
    ) {
        self.name = name
        self.elementType = elementType
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
        switch elementType {
        case .float32: widened(UInt32.self) { Float(bitPattern: $0) }
        case .float16: widened(UInt16.self) { Float(Float16(bitPattern: $0)) }
        case .bfloat16: widened(UInt16.self) { Float(bitPattern: UInt32($0) << 16) }
        case .q4_0, .q4_1, .q8_0:
            throw ModelFileError(
                "is stored as \(elementType.rawValue), where F32, F16 or BF16 is needed",
                file: file.path, part: "tensor \(name.quoted)")
        }
    }

    private func widened<Bits: FixedWidthInteger>(
        _ type: Bits.Type, _ widen: (Bits) -> Float
    ) -> [Float] {
        let size = MemoryLayout<Bits>.size
        return (0..<bytes.count / size).map {
            widen(Bits(littleEndian: bytes.loadUnaligned(fromByteOffset: $0 * size, as: Bits.self)))
        }
    }
}
