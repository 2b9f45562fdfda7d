public import Faults
import Foundation

/// A regular file, mapped read-only: all processes of a node share its pages.
///
/// `@unchecked Sendable`: the mapping is immutable.
public final class MappedFile: @unchecked Sendable {
    public let path: String
    public let bytes: UnsafeRawBufferPointer

    /// - Throws: ``MappedFileError`` if `path` is no regular file or cannot be read. Opening a
    ///   FIFO or a device does not block.
    public init(path: String) throws(MappedFileError) {
        self.path = path
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw MappedFileError(path: path, errorNumber: errno) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw MappedFileError(path: path, errorNumber: errno)
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw MappedFileError(path: path, problem: "is not a regular file")
        }
        let size = Int(status.st_size)
        guard size > 0 else {
            bytes = UnsafeRawBufferPointer(start: nil, count: 0)
            return
        }
        guard let address = mmap(nil, size, PROT_READ, MAP_SHARED, descriptor, 0),
            address != MAP_FAILED
        else { throw MappedFileError(path: path, errorNumber: errno) }
        bytes = UnsafeRawBufferPointer(start: address, count: size)
    }

    deinit {
        if let start = bytes.baseAddress {
            munmap(UnsafeMutableRawPointer(mutating: start), bytes.count)
        }
    }
}

/// A file that cannot be mapped.
public struct MappedFileError: Fault {
    public let problem: String
    public let location: String?
    public let hint: String?

    init(path: String, errorNumber: Int32) {
        location = path
        problem = "cannot be read (\(String(cString: strerror(errorNumber))))"
        hint = errorNumber == ENOENT ? "Check the path; it must exist on every node" : nil
    }

    init(path: String, problem: String) {
        location = path
        self.problem = problem
        hint = nil
    }
}
