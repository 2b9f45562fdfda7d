import Faults
import Glibc

/// Whole files: a reader finds the old contents or the new, never a part.
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
    /// - Throws: ``FileError``; then `path` is as before, and no temporary file is left.
    public static func writeDurably(
        _ bytes: UnsafeRawBufferPointer, to path: String, permissions: UInt32 = 0o644
    ) throws(FileError) {
        try replace(path, with: bytes, permissions: permissions, isDurable: true)
    }

    /// As above for an array.
    public static func writeDurably(
        _ bytes: [UInt8], to path: String, permissions: UInt32 = 0o644
    ) throws(FileError) {
        try bytes.withBytes { (memory) throws(FileError) in
            try writeDurably(memory, to: path, permissions: permissions)
        }
    }

    /// As above for the UTF-8 bytes of `text`.
    public static func writeDurably(
        _ text: String, to path: String, permissions: UInt32 = 0o644
    ) throws(FileError) {
        try writeDurably(Array(text.utf8), to: path, permissions: permissions)
    }

    /// Replaces or creates a file in one step; a power cut may take it back. For what is written
    /// again soon.
    ///
    /// - Throws: ``FileError``; then `path` is as before, and no temporary file is left.
    public static func writeBriefly(_ bytes: [UInt8], to path: String) throws(FileError) {
        try bytes.withBytes { (memory) throws(FileError) in
            try replace(path, with: memory, permissions: 0o644, isDurable: false)
        }
    }

    private static func replace(
        _ path: String, with bytes: UnsafeRawBufferPointer, permissions: UInt32, isDurable: Bool
    ) throws(FileError) {
        let (folderPath, name) = try split(path)
        let folder =
            isDurable ? try Descriptor.folder(folderPath) : try Descriptor.place(folderPath)
        let temporary = temporaryPrefix(of: name) + randomHexadecimal()
        do throws(FileError) {
            var output = try folder.newFile(temporary, permissions: permissions, called: path)
            try output.write(bytes)
            if isDurable { try output.synchronize() }
            try output.close()
            try folder.rename(temporary, to: name, doing: "cannot be replaced", called: path)
        } catch {
            unlinkat(folder.number, temporary, 0)
            throw error
        }
        if isDurable { try folder.synchronize() }
    }

    /// Writes a file that was not there before. Its contents are durable when it returns; its name
    /// is once its folder is synchronized.
    public static func create(
        _ path: String, with bytes: [UInt8], permissions: UInt32 = 0o644
    ) throws(FileError) {
        var file = try NewFile(path: path, permissions: permissions)
        try bytes.withBytes { (memory) throws(FileError) in try file.write(memory, at: 0) }
        try file.finish()
    }

    /// How the temporary files of the file `name` begin, which a killed process leaves behind.
    public static func temporaryPrefix(of name: String) -> String { ".\(name)." }

    /// Adds to the end of a file, which is created if it is missing; durable when it returns.
    ///
    /// A crash can leave the beginning of `bytes` in the file.
    public static func appendDurably(_ bytes: [UInt8], to path: String) throws(FileError) {
        let (folderPath, _) = try split(path)
        var output = try Descriptor(path, O_WRONLY | O_CREAT | O_APPEND)
        try bytes.withBytes { (memory) throws(FileError) in try output.write(memory) }
        try output.synchronize()
        try output.close()
        try synchronize(folder: folderPath)
    }

    /// Makes the names in a folder durable.
    public static func synchronize(folder path: String) throws(FileError) {
        try Descriptor.folder(path).synchronize()
    }

    /// Creates a folder and the missing ones above it; durable when it returns.
    ///
    /// `permissions` are those of each folder that is created, less the process's umask.
    public static func makeFolder(_ path: String, permissions: UInt32 = 0o755) throws(FileError) {
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
        try parent.synchronize()
    }

    /// Folder and last component of `path`; trailing slashes do not count.
    public static func split(_ path: String) throws(FileError) -> (folder: String, name: String) {
        var parts = path.split(separator: "/", omittingEmptySubsequences: true)
        guard let name = parts.popLast(), name != ".", name != ".." else {
            throw FileError(
                "'\(path)' does not name a file", at: nil, hint: "Give another path",
                cause: .refusal)
        }
        let above = parts.joined(separator: "/")
        if path.hasPrefix("/") { return ("/" + above, String(name)) }
        return (above.isEmpty ? "." : above, String(name))
    }
}

extension Array where Element: BitwiseCopyable {
    /// The array's memory; unlike the standard library's call it keeps the type of what is thrown.
    public func withBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try withUnsafeBufferPointer { (buffer) throws(Failure) -> Result in
            try body(UnsafeRawBufferPointer(buffer))
        }
    }

    /// As ``withBytes(_:)``, to write to.
    public mutating func withMutableBytes<Result, Failure: Error>(
        _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try withUnsafeMutableBufferPointer { (buffer) throws(Failure) -> Result in
            try body(UnsafeMutableRawBufferPointer(buffer))
        }
    }
}
