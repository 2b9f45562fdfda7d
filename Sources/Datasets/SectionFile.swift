import Files
import Glibc

/// A section of a samples file, or the whole: a new file that is written from its beginning to its end,
/// in large pieces.
final class SectionFile {
    private let path: String
    private var file: NewFile
    private var buffer: [UInt8] = []
    private var writtenBytes = 0

    private static let pieceBytes = 1 << 20

    /// - Parameter keepsName: Whether the file keeps its name; one without disappears by itself.
    init(path: String, keepsName: Bool) throws(DatasetError) {
        self.path = path
        do throws(FileError) {
            file = try NewFile(path: path, permissions: 0o600, keepsName: keepsName)
        } catch {
            throw DatasetError(ofCache: error)
        }
        buffer.reserveCapacity(Self.pieceBytes)
    }

    private var byteCount: Int { writtenBytes + buffer.count }

    func write<Element: BitwiseCopyable>(_ elements: [Element]) throws(DatasetError) {
        elements.withBytes { buffer.append(contentsOf: $0) }
        if buffer.count >= Self.pieceBytes { try flush() }
    }

    /// Fills up to a multiple of 64 bytes.
    ///
    /// - Returns: The length of the file.
    func align() throws(DatasetError) -> Int {
        try write([UInt8](repeating: 0, count: -byteCount & 63))
        return byteCount
    }

    /// Adds the contents of another file.
    func append(_ other: SectionFile) throws(DatasetError) {
        try other.flush()
        var piece = [UInt8](repeating: 0, count: Self.pieceBytes)
        var done = 0
        while done < other.writtenBytes {
            let count: Int
            do throws(FileError) {
                count = try piece.withMutableBytes { (bytes) throws(FileError) in
                    try other.file.read(into: bytes, at: done)
                }
                guard count > 0 else { throw .system(EIO, "cannot be read", at: path) }
            } catch {
                throw DatasetError(ofCache: error)
            }
            try write(Array(piece[..<count]))
            done += count
        }
    }

    func flush() throws(DatasetError) {
        do throws(FileError) {
            try buffer.withBytes { (bytes) throws(FileError) in
                try file.write(bytes, at: writtenBytes)
            }
        } catch {
            throw DatasetError(ofCache: error)
        }
        writtenBytes += buffer.count
        buffer.removeAll(keepingCapacity: true)
    }

    /// Writes the first page in the place that was left for it; durable when it returns.
    func finish(firstPage: [UInt8]) throws(DatasetError) {
        try flush()
        do throws(FileError) {
            try firstPage.withBytes { (bytes) throws(FileError) in try file.write(bytes, at: 0) }
            try file.finish()
        } catch {
            throw DatasetError(ofCache: error)
        }
    }
}
