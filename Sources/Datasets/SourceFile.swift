import Files
import Foundation

/// A data file that is read from the beginning to the end, piece by piece.
///
/// Not mapped: a file that somebody cuts off meanwhile gives an error and not a signal.
final class SourceFile {
    let path: String
    let byteCount: Int
    private let descriptor: Descriptor
    private let modified: timespec
    private(set) var position = 0

    /// - Throws: ``DatasetError`` if `path` is no regular file or cannot be opened. A FIFO does not
    ///   block.
    init(path: String) throws(DatasetError) {
        self.path = path
        let status: stat
        do throws(FileError) {
            descriptor = try Descriptor.reading(path)
            status = try descriptor.status()
        } catch {
            let isAbsent = error.cause == .system(ENOENT)
            throw DatasetError(
                error.problem, at: path, hint: isAbsent ? DataPath.absentHint(path) : error.hint)
        }
        switch status.st_mode & S_IFMT {
        case S_IFREG: break
        case S_IFDIR: throw DatasetError("is a folder", at: path, hint: DataPath.folderHint(path))
        default:
            throw DatasetError(
                "is not a regular file", at: path,
                hint: "Data are read more than once: write them to a file")
        }
        byteCount = Int(status.st_size)
        modified = status.st_mtim
    }

    /// Reads what comes next.
    ///
    /// - Returns: Bytes read; 0 at the end.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(DatasetError) -> Int {
        do throws(FileError) {
            let count = try descriptor.read(into: buffer, at: position)
            position += count
            return count
        } catch {
            throw DatasetError(error.problem, at: path, hint: error.hint)
        }
    }

    func rewind() { position = 0 }

    /// - Throws: ``DatasetError`` if the file is not the one that was opened any more.
    func requireUnchanged() throws(DatasetError) {
        guard let status = try? descriptor.status(), Int(status.st_size) == byteCount,
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
