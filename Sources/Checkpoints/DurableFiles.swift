import Faults
import Glibc

/// Writing that survives a crash: a reader finds the old contents or the new, never a part.
///
/// A rename alone does not suffice: without `fsync` of the file before it, a power cut can leave
/// the new name with no contents.
public enum DurableFiles {
    /// Replaces or creates a file; durable when it returns.
    ///
    /// - Parameters:
    ///   - bytes: The whole contents.
    ///   - path: Its folder must exist. A symbolic link is replaced, not followed.
    ///   - permissions: Of the new file, less the process's umask.
    /// - Throws: ``CheckpointError``; then `path` is as before, and no temporary file is left.
    public static func writeDurably(
        _ bytes: UnsafeRawBufferPointer, to path: String, permissions: UInt32 = 0o644
    ) throws(CheckpointError) {
        let (folderPath, name) = try split(path)
        let folder = try Descriptor.folder(folderPath)
        let temporary = ".\(name).\(randomSuffix())"
        do throws(CheckpointError) {
            let output = try folder.newFile(temporary, mode: permissions, at: path)
            try output.write(bytes, at: path)
            try output.synchronize(at: path)
            try output.close(at: path)
            guard renameat(folder.number, temporary, folder.number, name) == 0 else {
                throw .system(errno, "cannot be replaced", at: path)
            }
        } catch {
            unlinkat(folder.number, temporary, 0)
            throw error
        }
        try folder.synchronize(at: folderPath)
    }

    /// As ``writeDurably(_:to:permissions:)-(UnsafeRawBufferPointer,_,_)`` for an array.
    public static func writeDurably(
        _ bytes: [UInt8], to path: String, permissions: UInt32 = 0o644
    ) throws(CheckpointError) {
        try CheckpointFile(name: "", bytes: bytes).withBytes {
            (memory) throws(CheckpointError) in
            try writeDurably(memory, to: path, permissions: permissions)
        }
    }

    /// As above for the UTF-8 bytes of `text`.
    public static func writeDurably(
        _ text: String, to path: String, permissions: UInt32 = 0o644
    ) throws(CheckpointError) {
        try writeDurably(Array(text.utf8), to: path, permissions: permissions)
    }

    /// Adds to the end of a file, which is created if it is missing; durable when it returns.
    ///
    /// A crash can leave the beginning of `bytes` in the file.
    public static func appendDurably(_ bytes: [UInt8], to path: String) throws(CheckpointError) {
        let (folderPath, name) = try split(path)
        let folder = try Descriptor.folder(folderPath)
        let number = openat(
            folder.number, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard number >= 0 else { throw .system(errno, "cannot be opened", at: path) }
        let output = Descriptor(owning: number)
        try CheckpointFile(name: name, bytes: bytes).withBytes {
            (memory) throws(CheckpointError) in
            try output.write(memory, at: path)
        }
        try output.synchronize(at: path)
        try output.close(at: path)
        try folder.synchronize(at: folderPath)
    }

    /// Replaces or creates a folder with exactly these files, in one step; durable when it returns.
    ///
    /// - Parameters:
    ///   - path: Its parent must exist. A folder that stands there is removed with all it holds.
    ///   - files: Names as ``CheckpointFile/name`` says, each once.
    /// - Throws: ``CheckpointError``; then `path` is as before.
    public static func replaceFolder(at path: String, with files: [CheckpointFile])
        throws(CheckpointError)
    {
        let (parentPath, name) = try split(path)
        for file in files where !CheckpointFile.isValid(name: file.name) {
            throw .refusal(
                "'\(file.name)' cannot name a file of a folder", at: path,
                hint: "Use letters, digits, '.', '_' and '-'")
        }
        let parent = try Descriptor.folder(parentPath)
        let stage = try StagedFolder(
            in: parent, at: parentPath, label: name, folderMode: 0o755, fileMode: 0o644)
        for file in files { try stage.write(file) }
        try stage.publish(as: name)
    }

    /// Creates a folder and the missing ones above it; durable when it returns.
    ///
    /// `permissions` are those of each folder that is created, less the process's umask.
    public static func makeFolder(_ path: String, permissions: UInt32 = 0o755)
        throws(CheckpointError)
    {
        var status = stat()
        if stat(path, &status) == 0 {
            guard status.st_mode & S_IFMT == S_IFDIR else {
                throw .system(ENOTDIR, "is in the way of a folder", at: path)
            }
            return
        }
        let (parentPath, name) = try split(path)
        if parentPath != path { try makeFolder(parentPath, permissions: permissions) }
        let parent = try Descriptor.folder(parentPath)
        guard mkdirat(parent.number, name, permissions) == 0 || errno == EEXIST else {
            throw .system(errno, "cannot be created", at: path)
        }
        try parent.synchronize(at: parentPath)
    }

    /// Folder and last component of `path`; trailing slashes do not count.
    static func split(_ path: String) throws(CheckpointError) -> (folder: String, name: String) {
        var parts = path.split(separator: "/", omittingEmptySubsequences: true)
        guard let name = parts.popLast(), name != ".", name != ".." else {
            throw .refusal("'\(path)' does not name a file", at: nil, hint: "Give another path")
        }
        let above = parts.joined(separator: "/")
        if path.hasPrefix("/") { return ("/" + above, String(name)) }
        return (above.isEmpty ? "." : above, String(name))
    }
}
