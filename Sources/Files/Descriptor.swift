import CLinuxFiles
import Faults
public import Glibc

/// An open file or folder, closed at the end of its life.
///
/// Every read and write of the programs goes through here, so that a call that a signal interrupts
/// or that does half of its work is finished in one place. Entries of a folder are opened relative
/// to it and never through a symbolic link, so that what was checked is what is read, even if
/// somebody swaps the folder meanwhile.
public struct Descriptor: ~Copyable, Sendable {
    /// Of the system; -1 once it is closed.
    public private(set) var number: Int32
    /// What errors call it.
    public let path: String

    /// Takes over an open descriptor.
    public init(owning number: Int32, path: String) {
        self.number = number
        self.path = path
    }

    deinit { if number >= 0 { Glibc.close(number) } }

    // MARK: Opening

    /// Opens a file.
    ///
    /// - Parameters:
    ///   - path: Relative to the working folder.
    ///   - flags: Of `open`; `O_CLOEXEC` is added.
    ///   - permissions: Of a file that is created, less the process's umask.
    ///   - doing: What a failure is called.
    /// - Throws: ``FileError``.
    public init(
        _ path: String, _ flags: Int32, permissions: UInt32 = 0o644,
        doing: String = "cannot be opened"
    ) throws(FileError) {
        self = try Self.open(AT_FDCWD, path, flags, permissions, doing, path)
    }

    /// Opens a file for reading; a FIFO or a device does not block.
    public static func reading(_ path: String) throws(FileError) -> Descriptor {
        try Descriptor(path, O_RDONLY | O_NONBLOCK, doing: "cannot be read")
    }

    /// Opens a folder; the path itself may be a link, as users move folders to other disks.
    public static func folder(_ path: String) throws(FileError) -> Descriptor {
        try Descriptor(path, O_RDONLY | O_DIRECTORY, doing: "cannot open the folder")
    }

    /// Opens a folder that may only be written to, not listed; it cannot be synchronized.
    public static func place(_ path: String) throws(FileError) -> Descriptor {
        try Descriptor(path, clinux_path_only | O_DIRECTORY, doing: "cannot open the folder")
    }

    /// Opens folder `name` of this folder, no link.
    public func subfolder(_ name: String) throws(FileError) -> Descriptor {
        try Self.open(
            number, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, "cannot open the folder",
            path + "/" + name)
    }

    /// Opens `name` of this folder for reading, no link. A FIFO or a device does not block.
    public func file(_ name: String) throws(FileError) -> Descriptor {
        try Self.open(
            number, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, "cannot be read",
            path + "/" + name)
    }

    /// Creates `name` in this folder; fails if anything of that name exists.
    ///
    /// - Parameter calledPath: What errors call it; nil takes its own path.
    public func newFile(
        _ name: String, permissions: UInt32, called calledPath: String? = nil
    ) throws(FileError) -> Descriptor {
        try Self.open(
            number, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, permissions,
            "cannot be created", calledPath ?? path + "/" + name)
    }

    private static func open(
        _ folder: Int32, _ name: String, _ flags: Int32, _ permissions: UInt32, _ doing: String,
        _ path: String
    ) throws(FileError) -> Descriptor {
        let number = openat(folder, name, flags | O_CLOEXEC, permissions)
        guard number >= 0 else { throw .system(errno, doing, at: path) }
        return Descriptor(owning: number, path: path)
    }

    // MARK: What it is

    /// What the system says of the file.
    public func status() throws(FileError) -> stat {
        var status = stat()
        guard fstat(number, &status) == 0 else {
            throw .system(errno, "cannot be examined", at: path)
        }
        return status
    }

    /// Size of a regular file in bytes; anything else is damage.
    public func regularFileSize() throws(FileError) -> Int {
        let status = try status()
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw FileError("is not a regular file", at: path, cause: .damage)
        }
        return Int(status.st_size)
    }

    // MARK: Reading and writing

    /// Writes all of `bytes` where the file stands.
    public func write(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
        try writeAll(bytes) { part, _ in Glibc.write(number, part.baseAddress, part.count) }
    }

    /// Writes all of `bytes` from byte `start` of the file on.
    public func write(_ bytes: UnsafeRawBufferPointer, at start: Int) throws(FileError) {
        try writeAll(bytes) { part, done in
            pwrite(number, part.baseAddress, part.count, off_t(start + done))
        }
    }

    /// Writes what one call takes.
    ///
    /// - Returns: How many bytes; less than all where the disk is full or a reader is slow.
    public func writeSome(_ bytes: UnsafeRawBufferPointer) throws(FileError) -> Int {
        let count = uninterrupted { Glibc.write(number, bytes.baseAddress, bytes.count) }
        guard count >= 0 else { throw .system(errno, "cannot be written", at: path) }
        return count
    }

    private func writeAll(
        _ bytes: UnsafeRawBufferPointer, _ call: (UnsafeRawBufferPointer, Int) -> Int
    ) throws(FileError) {
        var done = 0
        while done < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
            let count = uninterrupted { call(rest, done) }
            // A zero-byte write would spin for ever; POSIX leaves it open for odd files.
            guard count > 0 else {
                throw .system(count < 0 ? errno : EIO, "cannot be written", at: path)
            }
            done += count
        }
    }

    /// Reads up to `buffer.count` bytes from where the file stands; 0 at its end.
    public func read(into buffer: UnsafeMutableRawBufferPointer) throws(FileError) -> Int {
        let count = uninterrupted { Glibc.read(number, buffer.baseAddress, buffer.count) }
        guard count >= 0 else { throw .system(errno, "cannot be read", at: path) }
        return count
    }

    /// Reads up to `buffer.count` bytes from byte `start` on; 0 at the end of the file.
    public func read(
        into buffer: UnsafeMutableRawBufferPointer, at start: Int
    ) throws(FileError) -> Int {
        let count = uninterrupted {
            pread(number, buffer.baseAddress, buffer.count, off_t(start))
        }
        guard count >= 0 else { throw .system(errno, "cannot be read", at: path) }
        return count
    }

    /// The whole contents of a file as it is now.
    public func contents() throws(FileError) -> [UInt8] {
        var contents = [UInt8](repeating: 0, count: Int(try status().st_size))
        var filled = 0
        while filled < contents.count {
            let count = try contents.withMutableBytes { (bytes) throws(FileError) in
                try read(into: .init(rebasing: bytes[filled...]), at: filled)
            }
            if count == 0 { break }
            filled += count
        }
        return Array(contents.prefix(filled))
    }

    /// Cuts the file off after so many bytes.
    public func truncate(toBytes count: Int) throws(FileError) {
        guard ftruncate(number, off_t(count)) == 0 else {
            throw .system(errno, "cannot be shortened", at: path)
        }
    }

    /// Forces contents to the disk. A failed call must never be repeated on the same file: the
    /// kernel may already have dropped the dirty pages and would then report success.
    public func synchronize() throws(FileError) {
        guard fsync(number) == 0 else { throw .system(errno, "cannot be made durable", at: path) }
    }

    /// Closes and reports what network file systems tell only now.
    public mutating func close() throws(FileError) {
        let number = self.number
        self.number = -1
        guard Glibc.close(number) == 0 else { throw .system(errno, "cannot be closed", at: path) }
    }

    // MARK: A folder's entries

    /// Names in this folder, without `.` and `..`, sorted.
    public func entries() throws(FileError) -> [String] {
        // A fresh descriptor: one made by `dup` would share its position with an earlier listing.
        let copy = openat(number, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard copy >= 0, let stream = fdopendir(copy) else {
            let errorNumber = errno
            if copy >= 0 { Glibc.close(copy) }
            throw .system(errorNumber, "cannot be listed", at: path)
        }
        defer { closedir(stream) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else { break }
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        guard errno == 0 else { throw .system(errno, "cannot be listed", at: path) }
        return names.sorted()
    }

    /// Gives an entry of this folder another name in it; what has that name is replaced.
    ///
    /// - Parameters:
    ///   - doing: What a failure is called.
    ///   - calledPath: What the failure calls the file; nil takes the path of `name`.
    public func rename(
        _ name: String, to newName: String, doing: String, called calledPath: String? = nil
    ) throws(FileError) {
        guard renameat(number, name, number, newName) == 0 else {
            throw .system(errno, doing, at: calledPath ?? path + "/" + name)
        }
    }

    /// Removes `name` and, if it is a folder, what is in it; links are removed, not followed.
    public func remove(_ name: String) throws(FileError) {
        let doomed = path + "/" + name
        if unlinkat(number, name, 0) == 0 || errno == ENOENT { return }
        guard errno == EISDIR || errno == EPERM else {
            throw .system(errno, "cannot be removed", at: doomed)
        }
        let folder = try subfolder(name)
        for entry in try folder.entries() { try folder.remove(entry) }
        guard unlinkat(number, name, AT_REMOVEDIR) == 0 || errno == ENOENT else {
            throw .system(errno, "cannot be removed", at: doomed)
        }
    }
}

/// Repeats a system call for as long as signals interrupt it.
func uninterrupted(_ call: () -> Int) -> Int {
    while true {
        let result = call()
        if result >= 0 || errno != EINTR { return result }
    }
}
