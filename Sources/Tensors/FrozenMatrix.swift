/// A `[rows, columns]` weight that is never written, in its file's own encoding.
///
/// Rows lie one after the other, each `elementType.byteCount(elements: columns)` long.
public struct FrozenMatrix: @unchecked Sendable {
    public let elementType: ElementType
    public let rows: Int
    public let columns: Int
    public let bytes: UnsafeRawPointer
    /// Keeps `bytes` mapped.
    public let owner: MappedFile
    /// Dimension of the heads whose rows llama.cpp interleaved, or `nil` if rows stand in order.
    ///
    /// llama.cpp stores the rows of LLaMA's Q and K so that the two halves of a rotated pair are
    /// neighbours; row `h·d + s·d/2 + j` of the model is row `h·d + 2j + s` of the file.
    public let interleavedHeadDimension: Int?
    /// Whether the file holds the matrix as `[columns, rows]`; only elements that stand alone may.
    public private(set) var isTransposed = false

    /// - Precondition: `bytes` holds `rows` whole rows and stays valid while `owner` lives.
    public init(
        elementType: ElementType, rows: Int, columns: Int, bytes: UnsafeRawPointer,
        owner: MappedFile, interleavedHeadDimension: Int? = nil
    ) {
        self.elementType = elementType
        self.rows = rows
        self.columns = columns
        self.bytes = bytes
        self.owner = owner
        self.interleavedHeadDimension = interleavedHeadDimension
    }

    /// The transposed matrix, in the same memory: the file's rows are its columns.
    ///
    /// - Precondition: An element type without blocks, and rows in order.
    public var transposed: FrozenMatrix {
        precondition(elementType.elementsPerBlock == 1 && interleavedHeadDimension == nil)
        var matrix = FrozenMatrix(
            elementType: elementType, rows: columns, columns: rows, bytes: bytes, owner: owner)
        matrix.isTransposed = !isTransposed
        return matrix
    }

    /// Bytes of one row.
    public var bytesPerRow: Int {
        columns / elementType.elementsPerBlock * elementType.bytesPerBlock
    }

    /// Where row `row` of the model starts.
    @inlinable
    public func rowPointer(_ row: Int) -> UnsafeRawPointer {
        guard let dimension = interleavedHeadDimension else { return bytes + row * bytesPerRow }
        let (head, inHead) = row.quotientAndRemainder(dividingBy: dimension)
        let half = dimension / 2
        let stored = head * dimension + (inHead % half) * 2 + inHead / half
        return bytes + stored * bytesPerRow
    }
}
