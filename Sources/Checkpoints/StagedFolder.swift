import CLinuxFiles
import Faults
import Glibc

/// A folder under construction: invisible to readers until ``publish(as:)`` renames it.
///
/// At the end of its life whatever bears the stage's name is removed, so that every error path
/// cleans up; what a killed process leaves is told by its name.
struct StagedFolder: ~Copyable {
    private let parent: Int32
    private let parentPath: String
    private let folder: Descriptor
    private let name: String
    private let fileMode: mode_t

    /// Prefix of the names of folders under construction.
    static let prefix = ".stage-"

    private var path: String { parentPath + "/" + name }

    /// `parent` must stay open, by its owner, for as long as this value lives; `label` says what is
    /// built to somebody who finds the left-over of a crash.
    init(
        in parent: borrowing Descriptor, at parentPath: String, label: String, folderMode: mode_t,
        fileMode: mode_t
    ) throws(CheckpointError) {
        let name = "\(Self.prefix)\(label).\(randomSuffix())"
        let path = parentPath + "/" + name
        guard mkdirat(parent.number, name, folderMode) == 0 else {
            throw .system(errno, "cannot be created", at: path)
        }
        do throws(CheckpointError) {
            folder = try parent.subfolder(name, at: path)
        } catch {
            unlinkat(parent.number, name, AT_REMOVEDIR)
            throw error
        }
        self.parent = parent.number
        self.parentPath = parentPath
        self.name = name
        self.fileMode = fileMode
    }

    /// Writes a new file and forces it to the disk.
    func write(_ file: CheckpointFile) throws(CheckpointError) {
        let filePath = path + "/" + file.name
        let output = try folder.newFile(file.name, mode: fileMode, at: filePath)
        try file.withBytes { (bytes) throws(CheckpointError) in
            try output.write(bytes, at: filePath)
        }
        try output.synchronize(at: filePath)
        try output.close(at: filePath)
    }

    /// Gives the folder its final name in one step; durable when it returns.
    ///
    /// An entry that has the name already is swapped out and removed: at no moment is there
    /// neither the old nor the new one.
    consuming func publish(as finalName: String) throws(CheckpointError) {
        try folder.synchronize(at: path)
        try rename(to: finalName)
        guard fsync(parent) == 0 else {
            throw .system(errno, "cannot be made durable", at: parentPath)
        }
        // After a swap the stage's name holds the old contents, which `deinit` removes.
    }

    private func rename(to finalName: String) throws(CheckpointError) {
        if clinux_rename_new(parent, name, finalName) == 0 { return }
        if errno == EEXIST {
            if clinux_exchange(parent, name, finalName) == 0 { return }
            guard errno == EINVAL || errno == ENOSYS else {
                throw .system(errno, "cannot be replaced", at: parentPath + "/" + finalName)
            }
            // No swap on this file system. Readers treat a lone `.gc-` as a lost checkpoint and
            // stop, so dying between the two calls is never mistaken for a fresh start.
            let aside = ".gc-\(finalName).\(randomSuffix())"
            guard renameat(parent, finalName, parent, aside) == 0 else {
                throw .system(errno, "cannot be replaced", at: parentPath + "/" + finalName)
            }
        } else if errno != EINVAL && errno != ENOSYS {
            throw .system(errno, "cannot be renamed to \(finalName)", at: path)
        }
        // A plain rename of a folder fails by itself where the target holds anything.
        guard renameat(parent, name, parent, finalName) == 0 else {
            throw .system(errno, "cannot be renamed to \(finalName)", at: path)
        }
    }

    deinit {
        removeQuietly(name, in: parent)
    }
}

/// Removes an entry that the next writer would remove anyway; an error here must not hide the
/// one that led here.
private func removeQuietly(_ name: String, in parent: Int32) {
    let copy = fcntl(parent, F_DUPFD_CLOEXEC, 0)
    guard copy >= 0 else { return }
    let folder = Descriptor(owning: copy)
    try? folder.remove(name, at: name)
}

/// Sixteen hexadecimal digits that nobody can foresee.
func randomSuffix() -> String {
    let digits = String(UInt64.random(in: .min ... .max), radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
}
