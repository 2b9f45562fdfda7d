public import Tensors

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
    /// See ``FrozenMatrix/interleavedHeadDimension``.
    public let interleavedHeadDimension: Int?

    public init(
        name: String, elementType: ElementType, shape: [Int], bytes: UnsafeRawBufferPointer,
        file: MappedFile, interleavedHeadDimension: Int? = nil
    ) {
        self.name = name
        self.elementType = elementType
        self.shape = shape
        self.bytes = bytes
        self.file = file
        self.interleavedHeadDimension = interleavedHeadDimension
    }
}
