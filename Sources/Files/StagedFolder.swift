import CLinuxFiles
import Faults
import Glibc

/// A folder under construction: invisible to readers until ``publish(as:)`` renames it.
///
/// At the end of its life whatever bears the stage's name is removed, so that every error path
/// cleans up; what a killed process leaves is told by its name.
public struct StagedFolder: ~Copyable {
    private let parent: Int32
    private let parentPath: String
    private let folder: Descriptor
    private let name: String
    private let filePermissions: UInt32

    /// Prefix of the names of folders under construction.
    public static let prefix = ".stage-"
    /// Prefix of the name under which a folder stands for the moment in which another takes its
    /// place, where a file system cannot swap the two.
    public static let asidePrefix = ".gc-"

    /// Where to write.
    public var path: String { folder.path }

    /// - Parameters:
    ///   - parent: Stays open, by its owner, for as long as this value lives.
    ///   - label: Says what is built to somebody who finds the left-over of a crash.
    ///   - permissions: Of the folder and of the files that ``write(_:to:)`` makes, less the
    ///     process's umask.
    /// - Throws: ``FileError``.
    public init(
        in parent: borrowing Descriptor, label: String,
        permissions: (folder: UInt32, files: UInt32)
    ) throws(FileError) {
        let name = "\(Self.prefix)\(label).\(randomHexadecimal())"
        guard mkdirat(parent.number, name, permissions.folder) == 0 else {
            throw .system(errno, "cannot be created", at: parent.path + "/" + name)
        }
        do throws(FileError) {
            folder = try parent.subfolder(name)
        } catch {
            unlinkat(parent.number, name, AT_REMOVEDIR)
            throw error
        }
        self.parent = parent.number
        parentPath = parent.path
        self.name = name
        filePermissions = permissions.files
    }

    /// Writes a new file and forces it to the disk.
    public func write(_ bytes: UnsafeRawBufferPointer, to name: String) throws(FileError) {
        var output = try folder.newFile(name, permissions: filePermissions)
        try output.write(bytes)
        try output.synchronize()
        try output.close()
    }

    /// Gives the folder its final name in one step; durable when it returns.
    ///
    /// An entry that has the name already is swapped out and removed: at no moment is there
    /// neither the old nor the new one.
    public consuming func publish(as finalName: String) throws(FileError) {
        try folder.synchronize()
        try rename(to: finalName)
        guard fsync(parent) == 0 else {
            throw .system(errno, "cannot be made durable", at: parentPath)
        }
        // After a swap the stage's name holds the old contents, which `deinit` removes.
    }

    private func rename(to finalName: String) throws(FileError) {
        let finalPath = parentPath + "/" + finalName
        if clinux_rename_new(parent, name, finalName) == 0 { return }
        if errno == EEXIST {
            if clinux_exchange(parent, name, finalName) == 0 { return }
            guard errno == EINVAL || errno == ENOSYS else {
                throw .system(errno, "cannot be replaced", at: finalPath)
            }
            // No swap on this file system. Readers who find the folder set aside and none in its
            // place stop, so dying between the two calls is never mistaken for a fresh start.
            let aside = "\(Self.asidePrefix)\(finalName).\(randomHexadecimal())"
            guard renameat(parent, finalName, parent, aside) == 0 else {
                throw .system(errno, "cannot be replaced", at: finalPath)
            }
        } else if errno != EINVAL && errno != ENOSYS {
            throw .system(errno, "cannot be renamed to \(finalName)", at: path)
        }
        // A plain rename of a folder fails by itself where the target holds anything.
        guard renameat(parent, name, parent, finalName) == 0 else {
            throw .system(errno, "cannot be renamed to \(finalName)", at: path)
        }
    }

    deinit { removeQuietly(name, in: parent, at: parentPath) }
}

/// Removes an entry that the next writer would remove anyway; an error here must not hide the
/// one that led here.
private func removeQuietly(_ name: String, in parent: Int32, at path: String) {
    let copy = fcntl(parent, F_DUPFD_CLOEXEC, 0)
    guard copy >= 0 else { return }
    let folder = Descriptor(owning: copy, path: path)
    try? folder.remove(name)
}
