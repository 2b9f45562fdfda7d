import Faults
import Glibc

/// A regular file, mapped read-only: all processes of a node share its pages.
///
/// `@unchecked Sendable`: the mapping is immutable.
public final class MappedFile: @unchecked Sendable {
    public let path: String
    public let bytes: UnsafeRawBufferPointer

    /// - Throws: ``FileError`` if `path` is no regular file or cannot be read. Opening a FIFO or a
    ///   device does not block.
    public init(path: String) throws(FileError) {
        self.path = path
        do throws(FileError) {
            let file = try Descriptor.reading(path)
            let size = try file.regularFileSize()
            guard size > 0 else {
                bytes = UnsafeRawBufferPointer(start: nil, count: 0)
                return
            }
            guard let address = mmap(nil, size, PROT_READ, MAP_SHARED, file.number, 0),
                address != MAP_FAILED
            else { throw .system(errno, "cannot be read", at: path) }
            bytes = UnsafeRawBufferPointer(start: address, count: size)
        } catch {
            guard error.cause == .system(ENOENT) else { throw error }
            throw FileError(
                error.problem, at: path, hint: "Check the path; it must exist on every node",
                cause: error.cause)
        }
    }

    deinit {
        if let start = bytes.baseAddress {
            munmap(UnsafeMutableRawPointer(mutating: start), bytes.count)
        }
    }
}
