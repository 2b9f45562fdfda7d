import Foundation

/// A new file that is written from the beginning to the end, in large pieces.
final class OutputFile {
    private let path: String
    private let descriptor: Int32
    private var buffer: [UInt8] = []
    private var byteCount = 0

    private static let pieceBytes = 1 << 20

    /// - Parameter keepsName: Whether the file keeps its name; one without disappears by itself.
    init(path: String, keepsName: Bool) throws(DatasetError) {
        self.path = path
        descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw Self.failure(errno, path) }
        if !keepsName { unlink(path) }
        buffer.reserveCapacity(Self.pieceBytes)
    }

    deinit { close(descriptor) }

    func write<Element: BitwiseCopyable>(_ elements: [Element]) throws(DatasetError) {
        elements.withUnsafeBytes { buffer.append(contentsOf: $0) }
        byteCount += elements.count * MemoryLayout<Element>.stride
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
    func append(_ other: OutputFile) throws(DatasetError) {
        try other.flush()
        lseek(other.descriptor, 0, SEEK_SET)
        var left = other.byteCount
        var piece = [UInt8](repeating: 0, count: Self.pieceBytes)
        while left > 0 {
            let count = piece.withUnsafeMutableBytes { bytes in
                read(other.descriptor, bytes.baseAddress, min(left, bytes.count))
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw Self.failure(count == 0 ? EIO : errno, path) }
            try write(Array(piece[..<count]))
            left -= count
        }
    }

    func flush() throws(DatasetError) {
        var offset = 0
        while offset < buffer.count {
            let count = buffer.withUnsafeBytes { bytes in
                Foundation.write(
                    descriptor, bytes.baseAddress.map { $0 + offset }, bytes.count - offset)
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw Self.failure(count == 0 ? ENOSPC : errno, path) }
            offset += count
        }
        buffer.removeAll(keepingCapacity: true)
    }

    /// Writes the first page in the place that was left for it; durable when it returns.
    func finish(firstPage: [UInt8]) throws(DatasetError) {
        try flush()
        let count = firstPage.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
        guard count == firstPage.count, fsync(descriptor) == 0 else {
            throw Self.failure(errno, path)
        }
    }

    static func failure(_ number: Int32, _ path: String) -> DatasetError {
        DatasetError(
            "cannot be written (\(String(cString: strerror(number))))", at: path,
            hint: [ENOSPC, EDQUOT, EFBIG].contains(number)
                ? "Tokenized samples take about as much room as the data: free some, or name "
                    + "another folder with --cache"
                : "Name a folder that may be written to with --cache")
    }
}
