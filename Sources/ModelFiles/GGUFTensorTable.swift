import Tensors
import Words

/// The table of tensors in a GGUF file.
///
/// Source: ggml `docs/gguf.md`; that tensors follow each other without holes is what ggml's own
/// reader demands (`gguf.cpp`).
enum GGUFTensorTable {
    /// Length of a name, number of dimensions, one dimension, type, offset.
    static let smallestEntryBytes = 8 + 4 + 8 + 4 + 8

    /// A row of the table before it is known where the tensors begin.
    private struct Row {
        let name: String
        let typeName: String
        let shape: [Int]
        let offset: UInt64
        let byteCount: Int
    }

    /// Reads `count` rows, and where in the file each tensor lies.
    static func read(
        _ cursor: inout GGUFCursor, count: Int, alignment: Int
    ) throws(ModelFileError) -> [GGUFFile.Entry] {
        var rows: [Row] = []
        rows.reserveCapacity(count)
        for index in 0..<count { rows.append(try row(&cursor, index)) }
        return try place(rows, from: cursor.offset, alignment: alignment, cursor)
    }

    private static func row(
        _ cursor: inout GGUFCursor, _ index: Int
    ) throws(ModelFileError) -> Row {
        let name = try cursor.text("name of tensor \(index)")
        let part = "tensor \(name.quoted)"
        let dimensions = try cursor.integer(UInt32.self, part)
        guard (1...4).contains(dimensions) else {
            throw ModelFileError(
                "has \(dimensions) dimensions; 1 to 4 are possible", file: cursor.path,
                part: part, hint: GGUFCursor.damaged)
        }
        var sizes: [UInt64] = []
        for _ in 0..<dimensions { sizes.append(try cursor.integer(UInt64.self, part)) }
        let number = try cursor.integer(UInt32.self, part)
        guard let type = BlockFormat.gguf(number) else {
            throw ModelFileError(
                "has the unknown type number \(number)", file: cursor.path, part: part,
                hint: GGUFCursor.damaged)
        }
        let offset = try cursor.integer(UInt64.self, part)
        guard let byteCount = byteCount(sizes, type) else {
            throw ModelFileError(
                "has the impossible size \(sizes) in \(type.name)", file: cursor.path,
                part: part, hint: GGUFCursor.damaged)
        }
        return Row(
            name: name, typeName: type.name, shape: sizes.reversed().map { Int($0) },
            offset: offset, byteCount: byteCount)
    }

    /// Bytes of a tensor whose innermost dimension comes first, or `nil` if a dimension is zero,
    /// a row is no whole number of blocks, or the product overflows.
    private static func byteCount(_ sizes: [UInt64], _ type: BlockFormat) -> Int? {
        var elements = 1
        for size in sizes {
            guard let size = Int(exactly: size), size > 0 else { return nil }
            let (product, overflow) = elements.multipliedReportingOverflow(by: size)
            if overflow { return nil }
            elements = product
        }
        guard sizes[0].isMultiple(of: UInt64(type.elements)) else { return nil }
        let (bytes, overflow) = (elements / type.elements)
            .multipliedReportingOverflow(by: type.bytes)
        return overflow ? nil : bytes
    }

    private static func place(
        _ rows: [Row], from tableEnd: Int, alignment: Int, _ cursor: GGUFCursor
    ) throws(ModelFileError) -> [GGUFFile.Entry] {
        // No sum below overflows: a file is far shorter than Int.max, an alignment at most 2^30,
        // and `next` stays within the file.
        let dataStart = padded(tableEnd, alignment)
        let fileSize = cursor.bytes.count
        var next = dataStart
        var end = tableEnd
        var entries: [GGUFFile.Entry] = []
        entries.reserveCapacity(rows.count)
        for row in rows {
            let part = "tensor \(row.name.quoted)"
            guard row.offset == UInt64(next - dataStart) else {
                throw ModelFileError(
                    "has offset \(row.offset), but the tensors before it end at "
                        + "\(next - dataStart)",
                    file: cursor.path, part: part, hint: GGUFCursor.damaged)
            }
            guard next <= fileSize, row.byteCount <= fileSize - next else {
                throw ModelFileError(
                    "takes \(row.byteCount) bytes from byte \(next) on, but the file ends at "
                        + "\(fileSize)",
                    file: cursor.path, part: part, hint: GGUFCursor.damaged)
            }
            end = next + row.byteCount
            entries.append(
                GGUFFile.Entry(
                    name: row.name, typeName: row.typeName, shape: row.shape,
                    byteRange: next..<end))
            next = padded(end, alignment)
        }
        guard fileSize <= padded(end, alignment) else {
            throw ModelFileError(
                "has \(fileSize - end) bytes after the last tensor", file: cursor.path,
                hint: GGUFCursor.damaged)
        }
        return entries
    }

    private static func padded(_ offset: Int, _ alignment: Int) -> Int {
        (offset + alignment - 1) & ~(alignment - 1)
    }
}
