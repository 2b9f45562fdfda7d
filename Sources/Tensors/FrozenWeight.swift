public import Files

/// A `[rows, columns]` weight that is never written, in its file's own encoding.
///
/// Rows lie one after the other, each `format.byteCount(elements: columns)` long.
public struct FrozenWeight: @unchecked Sendable {
    public let format: BlockFormat
    public let rows: Int
    public let columns: Int
    public let bytes: UnsafeRawPointer
    /// Keeps `bytes` mapped.
    public let owner: MappedFile
    /// In which order the file holds the rows.
    public let rowOrder: RowOrder
    /// Whether the file holds the matrix as `[columns, rows]`; only elements that stand alone may.
    public private(set) var isTransposed = false

    /// - Precondition: `bytes` holds `rows` whole rows and stays valid while `owner` lives.
    public init(
        format: BlockFormat, rows: Int, columns: Int, bytes: UnsafeRawPointer,
        owner: MappedFile, rowOrder: RowOrder = .asModel
    ) {
        self.format = format
        self.rows = rows
        self.columns = columns
        self.bytes = bytes
        self.owner = owner
        self.rowOrder = rowOrder
    }

    /// The transposed matrix, in the same memory: the file's rows are its columns.
    ///
    /// - Precondition: An element type without blocks, and rows in order.
    public var transposed: FrozenWeight {
        precondition(format.elements == 1 && rowOrder == .asModel)
        var matrix = FrozenWeight(
            format: format, rows: columns, columns: rows, bytes: bytes, owner: owner)
        matrix.isTransposed = !isTransposed
        return matrix
    }

    /// Bytes of one row.
    public var bytesPerRow: Int {
        columns / format.elements * format.bytes
    }

    /// Where row `row` of the model starts.
    @inlinable
    public func rowPointer(_ row: Int) -> UnsafeRawPointer {
        bytes + rowOrder.storedRow(row) * bytesPerRow
    }
}

/// How the rows of a weight lie in its file.
public enum RowOrder: Sendable, Equatable {
    /// One after the other.
    case asModel
    /// As llama.cpp stores LLaMA's Q and K: the two halves of a rotated pair are neighbours. Row
    /// `h·d + s·d/2 + j` of the model is row `h·d + 2j + s` of the file.
    case interleavedHalves(headDimension: Int)
    /// As llama.cpp stores GPT-NeoX' fused projection, whose model has query, key and value of each
    /// head together: row `(3h + p)·d + j` of the model is row `(p·heads + h)·d + j` of the file.
    case separatedParts(heads: Int, headDimension: Int)

    /// Where row `row` of the model lies.
    @inlinable
    public func storedRow(_ row: Int) -> Int {
        switch self {
        case .asModel: return row
        case .interleavedHalves(let dimension):
            let (head, inHead) = row.quotientAndRemainder(dividingBy: dimension)
            let half = dimension / 2
            return head * dimension + (inHead % half) * 2 + inHead / half
        case .separatedParts(let heads, let dimension):
            let (block, inBlock) = row.quotientAndRemainder(dividingBy: dimension)
            return (block % 3 * heads + block / 3) * dimension + inBlock
        }
    }
}
