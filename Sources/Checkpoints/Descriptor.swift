import Faults
import Glibc

/// An open file or folder, closed at the end of its life.
///
/// Entries are opened relative to their folder and never through a symbolic link, so that what
/// was checked is what is read, even if somebody swaps the folder meanwhile.
struct Descriptor: ~Copyable {
    let number: Int32

    /// Takes over an open descriptor.
    init(owning number: Int32) {
        self.number = number
    }

    deinit { Glibc.close(number) }

    /// Opens a folder by path; the path itself may be a link, as users move folders to other disks.
    static func folder(_ path: String) throws(CheckpointError) -> Descriptor {
        try open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, "cannot open the folder", at: path)
    }

    /// Opens folder `name` of this folder, no link.
    func subfolder(_ name: String, at path: String) throws(CheckpointError) -> Descriptor {
        try Self.open(
            number, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, "cannot open the folder",
            at: path)
    }

    /// Opens `name` of this folder for reading. A FIFO or a device does not block.
    func file(_ name: String, at path: String) throws(CheckpointError) -> Descriptor {
        try Self.open(
            number, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, "cannot be read", at: path)
    }

    /// Creates `name` in this folder; fails if anything of that name exists.
    func newFile(_ name: String, mode: mode_t, at path: String) throws(CheckpointError)
        -> Descriptor
    {
        try Self.open(
            number, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode, "cannot be created",
            at: path)
    }

    private static func open(
        _ folder: Int32, _ name: String, _ flags: Int32, _ mode: mode_t, _ doing: String,
        at path: String
    ) throws(CheckpointError) -> Descriptor {
        let number = openat(folder, name, flags | O_CLOEXEC, mode)
        guard number >= 0 else { throw .system(errno, doing, at: path) }
        return Descriptor(owning: number)
    }

    /// Size of a regular file in bytes; anything else is damage.
    func regularFileSize(at path: String) throws(CheckpointError) -> Int {
        var status = stat()
        guard fstat(number, &status) == 0 else {
            throw .system(errno, "cannot be examined", at: path)
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw .damage("is not a regular file", at: path)
        }
        return Int(status.st_size)
    }

    func write(_ bytes: UnsafeRawBufferPointer, at path: String) throws(CheckpointError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let part = UnsafeRawBufferPointer(rebasing: rest)
            let written = Glibc.write(number, part.baseAddress, part.count)
            if written < 0 && errno == EINTR { continue }
            // A zero-byte write would spin for ever; POSIX leaves it open for odd files.
            guard written > 0 else {
                throw .system(written < 0 ? errno : EIO, "cannot be written", at: path)
            }
            rest = rest.dropFirst(written)
        }
    }

    /// Forces contents to the disk. A failed call must never be repeated on the same file: the
    /// kernel may already have dropped the dirty pages and would then report success.
    func synchronize(at path: String) throws(CheckpointError) {
        guard fsync(number) == 0 else { throw .system(errno, "cannot be made durable", at: path) }
    }

    /// Closes and reports what network file systems tell only now.
    consuming func close(at path: String) throws(CheckpointError) {
        let number = self.number
        discard self
        guard Glibc.close(number) == 0 else {
            throw .system(errno, "cannot be closed", at: path)
        }
    }

    /// Reads up to `buffer.count` bytes; 0 at the end of the file.
    func read(into buffer: UnsafeMutableRawBufferPointer, at path: String)
        throws(CheckpointError) -> Int
    {
        while true {
            let count = Glibc.read(number, buffer.baseAddress, buffer.count)
            if count >= 0 { return count }
            guard errno == EINTR else { throw .system(errno, "cannot be read", at: path) }
        }
    }

    /// Names in this folder, without `.` and `..`, sorted.
    func entries(at path: String) throws(CheckpointError) -> [String] {
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

    /// Removes `name` and, if it is a folder, what is in it; links are removed, not followed.
    func remove(_ name: String, at path: String) throws(CheckpointError) {
        if unlinkat(number, name, 0) == 0 || errno == ENOENT { return }
        guard errno == EISDIR || errno == EPERM else {
            throw .system(errno, "cannot be removed", at: path)
        }
        let folder = try subfolder(name, at: path)
        for entry in try folder.entries(at: path) {
            try folder.remove(entry, at: path + "/" + entry)
        }
        guard unlinkat(number, name, AT_REMOVEDIR) == 0 || errno == ENOENT else {
            throw .system(errno, "cannot be removed", at: path)
        }
    }
}
