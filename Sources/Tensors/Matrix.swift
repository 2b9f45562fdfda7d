/// A block of numbers that matrices are windows of, wherever it lies: in this process (``FloatBuffer``),
/// on a device, or nowhere, where only its size counts.
public protocol TensorMemory: AnyObject, Sendable {
    /// Elements.
    var count: Int { get }
}

/// A row-major `[rows, columns]` window of some memory; rows lie `stride` elements apart.
///
/// The memory is a type parameter, so that code for one kind of memory cannot be given another, and
/// only a ``HostMatrix`` has a pointer.
public struct Matrix<Memory: TensorMemory>: Sendable {
    public let memory: Memory
    public let offset: Int
    public let rows: Int
    public let columns: Int
    public let stride: Int

    /// - Precondition: the window lies inside the memory.
    public init(
        _ memory: Memory, offset: Int = 0, rows: Int, columns: Int, stride: Int? = nil
    ) {
        self.memory = memory
        self.offset = offset
        self.rows = rows
        self.columns = columns
        self.stride = stride ?? columns
        precondition(
            offset >= 0 && rows >= 0 && columns >= 0 && self.stride >= columns
                && (rows == 0 || offset + (rows - 1) * self.stride + columns <= memory.count),
            "[\(rows), \(columns)] at \(offset) does not fit in \(memory.count) elements")
    }

    /// Columns `range` of every row.
    public func columns(_ range: Range<Int>) -> Matrix {
        precondition(range.upperBound <= columns, "columns \(range) of \(columns)")
        return Matrix(
            memory, offset: offset + range.lowerBound, rows: rows, columns: range.count,
            stride: stride)
    }

    /// A row for each stretch of `dimension` columns, such as a head, of each row.
    ///
    /// - Precondition: Contiguous rows of whole stretches.
    public func heads(of dimension: Int) -> Matrix {
        precondition(stride == columns && columns.isMultiple(of: dimension), "whole heads")
        return Matrix(
            memory, offset: offset, rows: rows * (columns / dimension), columns: dimension)
    }

    /// Rows `range`.
    public func rows(_ range: Range<Int>) -> Matrix {
        precondition(range.upperBound <= rows, "rows \(range) of \(rows)")
        return Matrix(
            memory, offset: offset + range.lowerBound * stride, rows: range.count,
            columns: columns, stride: stride)
    }
}

/// A matrix in the memory of this process.
public typealias HostMatrix = Matrix<FloatBuffer>

extension Matrix<FloatBuffer> {
    /// The first element.
    public var pointer: UnsafeMutablePointer<Float> { memory.pointer + offset }
}
