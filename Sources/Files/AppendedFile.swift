import Glibc

/// A file that grows record by record; each is there whole or not at all.
public final class AppendedFile: Sendable {
    private let descriptor: Descriptor

    public var path: String { descriptor.path }

    /// Whether the file must be there already.
    public enum Existence: Sendable {
        case required, allowed, refused
    }

    /// Opens the file; a FIFO without a reader fails instead of blocking.
    ///
    /// - Parameters:
    ///   - permissions: Of a file that is created, less the process's umask.
    ///   - followsLink: Whether `path` may be a symbolic link.
    /// - Throws: ``FileError``.
    public init(
        path: String, existence: Existence = .allowed, permissions: UInt32 = 0o644,
        followsLink: Bool = true
    ) throws(FileError) {
        let creation =
            switch existence {
            case .required: Int32(0)
            case .allowed: O_CREAT
            case .refused: O_CREAT | O_EXCL
            }
        descriptor = try Descriptor(
            path, O_WRONLY | O_APPEND | O_NONBLOCK | creation | (followsLink ? 0 : O_NOFOLLOW),
            permissions: permissions, doing: "cannot be opened for writing")
    }

    /// Adds a record with one call. What fits of one that does not fit whole is taken back, so that
    /// the next one stands alone.
    ///
    /// - Throws: ``FileError``; then the file is as it was, if it can still be shortened.
    public func append(_ record: [UInt8]) throws(FileError) {
        let count = try record.withBytes { (bytes) throws(FileError) in
            try descriptor.writeSome(bytes)
        }
        guard count < record.count else { return }
        if count > 0, let size = try? descriptor.status().st_size {
            try? descriptor.truncate(toBytes: Int(size) - count)
        }
        throw .system(ENOSPC, "cannot be written", at: path)
    }

    /// Forces all records to the disk.
    public func synchronize() throws(FileError) { try descriptor.synchronize() }
}
