import Glibc

/// A file that was not there before; it is removed again unless ``finish()`` says that it is whole.
///
/// For contents that do not fit in memory or come piece by piece; see ``DurableFiles`` for others.
public struct NewFile: ~Copyable {
    private var descriptor: Descriptor
    private var mustBeRemoved: Bool

    /// Creates the file and follows no link in its place.
    ///
    /// - Parameters:
    ///   - path: Nothing may stand there.
    ///   - permissions: Less the process's umask.
    ///   - keepsName: A file without a name disappears by itself with its last user.
    /// - Throws: ``FileError``.
    public init(
        path: String, permissions: UInt32 = 0o644, keepsName: Bool = true
    ) throws(FileError) {
        descriptor = try Descriptor(
            path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, permissions: permissions,
            doing: "cannot be created")
        if !keepsName { unlink(path) }
        mustBeRemoved = keepsName
    }

    deinit { if mustBeRemoved { unlink(descriptor.path) } }

    /// Writes all of `bytes` from byte `start` of the file on.
    public borrowing func write(_ bytes: UnsafeRawBufferPointer, at start: Int) throws(FileError) {
        try descriptor.write(bytes, at: start)
    }

    /// Reads up to `buffer.count` bytes from byte `start` on; 0 at the end of the file.
    public borrowing func read(
        into buffer: UnsafeMutableRawBufferPointer, at start: Int
    ) throws(FileError) -> Int {
        try descriptor.read(into: buffer, at: start)
    }

    /// Makes the contents durable and keeps the file; nothing is written to it any more. Its name in
    /// the folder is the caller's to make durable.
    public mutating func finish() throws(FileError) {
        try descriptor.synchronize()
        try descriptor.close()
        mustBeRemoved = false
    }
}
