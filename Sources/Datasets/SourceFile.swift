import Files
import Foundation

/// A data file that is read from the beginning to the end, piece by piece.
///
/// Not mapped: a file that somebody cuts off meanwhile gives an error and not a signal.
final class SourceFile {
    let path: String
    let byteCount: Int
    private let descriptor: Int32
    private let modified: timespec
    private(set) var position = 0

    /// - Throws: ``DatasetError`` if `path` is no regular file or cannot be opened. A FIFO does not
    ///   block.
    init(path: String) throws(DatasetError) {
        self.path = path
        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            let number = errno
            throw DatasetError(
                "cannot be read (\(String(cString: strerror(number))))", at: path,
                hint: number == ENOENT ? DataPath.absentHint(path) : nil)
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            guard status.st_mode & S_IFMT == S_IFDIR else {
                throw DatasetError(
                    "is not a regular file", at: path,
                    hint: "Data are read more than once: write them to a file")
            }
            throw DatasetError("is a folder", at: path, hint: DataPath.folderHint(path))
        }
        byteCount = Int(status.st_size)
        modified = status.st_mtim
    }

    deinit { close(descriptor) }

    /// Reads what comes next.
    ///
    /// - Returns: Bytes read; 0 at the end.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(DatasetError) -> Int {
        while true {
            let count = Foundation.read(descriptor, buffer.baseAddress, buffer.count)
            if count >= 0 {
                position += count
                return count
            }
            guard errno == EINTR else {
                throw DatasetError(
                    "cannot be read (\(String(cString: strerror(errno))))", at: path)
            }
        }
    }

    func rewind() {
        lseek(descriptor, 0, SEEK_SET)
        position = 0
    }

    /// - Throws: ``DatasetError`` if the file is not the one that was opened any more.
    func requireUnchanged() throws(DatasetError) {
        var status = stat()
        guard fstat(descriptor, &status) == 0, Int(status.st_size) == byteCount,
            status.st_mtim.tv_sec == modified.tv_sec, status.st_mtim.tv_nsec == modified.tv_nsec
        else {
            throw DatasetError(
                "changed while it was read", at: path, hint: "Start again when it is complete")
        }
    }

    /// SHA-256 of the file's bytes, in hexadecimal; then the file stands at its beginning again.
    func sha256() throws(DatasetError) -> String {
        rewind()
        var hash = SHA256()
        let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
        defer { piece.deallocate() }
        while case let count = try read(into: piece), count > 0 {
            hash.update(UnsafeRawBufferPointer(rebasing: piece[..<count]))
        }
        rewind()
        return hash.finalize().hexadecimal
    }
}
