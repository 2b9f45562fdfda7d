import Faults
public import Files
import Glibc

extension CheckpointStore {
    /// Loads the newest checkpoint whose every byte is as it was saved.
    ///
    /// Newer ones that are damaged are set aside: renamed to `.bad-…` and listed in the result.
    ///
    /// - Parameter settingAside: `false` only lists them: for a caller that has yet to decide.
    /// - Returns: nil if there never was a checkpoint here.
    /// - Throws: ``FileError`` with exit code 78 and the folder unchanged if there are
    ///   checkpoints but none is whole, or if a newer program wrote the newest one; what cannot be
    ///   read for now (no permission, no descriptors) is not taken for damage.
    public func loadNewest(
        settingAside: Bool = true
    ) throws(FileError) -> LoadedCheckpoint? {
        guard let root = try openForReading() else { return nil }
        let names = try root.entries()
        var damaged: [(name: String, reason: FileError)] = []
        for step in names.compactMap(Self.step(ofName:)).sorted(by: >) {
            do throws(FileError) {
                var found = try read(step: step, in: root, keepingBytes: true)
                    .loaded(at: path(of: Self.name(ofStep: step)))
                if settingAside { found.setAside = try setAside(damaged, in: root) }
                return found
            } catch {
                guard error.isDamage else { throw error }
                damaged.append((Self.name(ofStep: step), error))
            }
        }
        guard damaged.isEmpty, !names.contains(where: Self.tellsOfACheckpoint) else {
            throw noneLeft(damaged.map(\.reason.sentence))
        }
        return nil
    }

    /// Loads one checkpoint by the path of its folder, for tools that show what is in it.
    public static func load(checkpointAt path: String) throws(FileError)
        -> LoadedCheckpoint
    {
        let (folder, name) = try DurableFiles.split(path)
        guard let step = step(ofName: name) else {
            throw .refusal(
                "is not a checkpoint's name", at: path, hint: "They look like step-00000050")
        }
        let store = CheckpointStore(folder: folder)
        let root = try Descriptor.folder(folder)
        return try store.read(step: step, in: root, keepingBytes: true).loaded(at: path)
    }

    /// Checks every byte of every checkpoint, oldest first; reads only.
    ///
    /// - Returns: Empty if there is no checkpoint; also an item for each entry that a killed job,
    ///   an earlier resume or a stranger left.
    public func verifyAll() throws(FileError) -> [CheckpointVerdict] {
        guard let root = try openForReading() else { return [] }
        var verdicts: [CheckpointVerdict] = []
        for name in try root.entries() {
            guard let step = Self.step(ofName: name) else {
                verdicts.append(
                    CheckpointVerdict(
                        path: path(of: name), step: nil, bytes: 0, manifestSHA256: nil,
                        finding: Self.leftover(name)))
                continue
            }
            do throws(FileError) {
                let contents = try read(step: step, in: root, keepingBytes: false)
                verdicts.append(
                    CheckpointVerdict(
                        path: path(of: name), step: step, bytes: contents.bytes,
                        manifestSHA256: contents.manifestSHA256, finding: .whole))
            } catch {
                verdicts.append(
                    CheckpointVerdict(
                        path: path(of: name), step: step, bytes: 0, manifestSHA256: nil,
                        finding: .damaged(error.sentence)))
            }
        }
        return verdicts
    }

    /// Renames the checkpoints after `step`, of a history that the run did not take.
    ///
    /// - Returns: What was renamed, newest first; empty where there is nothing.
    public func setAside(after step: Int, reason: String) throws(FileError)
        -> [LoadedCheckpoint.SetAside]
    {
        guard let root = try openForReading() else { return [] }
        let later = try root.entries().compactMap(Self.step(ofName:)).filter { $0 > step }
        return try setAside(
            later.sorted(by: >).map { later in
                let name = Self.name(ofStep: later)
                return (name, .damage(reason, at: path(of: name)))
            }, in: root)
    }

    private func openForReading() throws(FileError) -> Descriptor? {
        do throws(FileError) {
            return try Descriptor.folder(folder)
        } catch {
            if error.cause == .system(ENOENT) { return nil }
            throw error
        }
    }

    private func setAside(
        _ damaged: [(name: String, reason: FileError)], in root: borrowing Descriptor
    ) throws(FileError) -> [LoadedCheckpoint.SetAside] {
        var result: [LoadedCheckpoint.SetAside] = []
        for (name, reason) in damaged {
            let newName = "\(Self.badPrefix)\(name).\(randomHexadecimal())"
            try root.rename(name, to: newName, doing: "cannot be set aside")
            result.append(.init(path: path(of: newName), reason: reason.sentence))
        }
        if !damaged.isEmpty { try root.synchronize() }
        return result
    }

    private func noneLeft(_ reasons: [String]) -> FileError {
        let list = reasons.isEmpty ? "" : ": " + reasons.joined(separator: "; ")
        return .refusal(
            "there were checkpoints here, but none can be used\(list)", at: folder,
            hint: "Restore one from a copy, or start afresh in another --out")
    }

    private static func tellsOfACheckpoint(_ name: String) -> Bool {
        name.hasPrefix(badPrefix) || name.hasPrefix(removalPrefix)
    }

    private static func leftover(_ name: String) -> CheckpointVerdict.Finding {
        if name.hasPrefix(badPrefix) { return .setAside }
        if name.hasPrefix(removalPrefix) || name.hasPrefix(StagedFolder.prefix) {
            return .unfinished
        }
        return .stranger
    }
}

/// A checkpoint as it was saved.
public struct LoadedCheckpoint: Sendable, Equatable {
    public let step: Int
    public let path: String
    public let runID: String
    /// SHA-256 of the manifest of the checkpoint saved before this one.
    public let parent: String?
    /// SHA-256 of this one's manifest, hexadecimal.
    public let manifestSHA256: String
    /// The caller's text, byte for byte.
    public let document: String
    /// Contents by name, without the document.
    public let files: [String: [UInt8]]
    /// Their names in the order in which they were saved, which the manifest keeps.
    let fileNames: [String]
    /// Newer checkpoints that were damaged and have been renamed, newest first.
    public internal(set) var setAside: [SetAside] = []

    public struct SetAside: Sendable, Equatable {
        /// Where it lies now.
        public let path: String
        /// What is wrong with which of its files.
        public let reason: String
    }
}

/// What ``CheckpointStore/verifyAll()`` found out about one entry.
public struct CheckpointVerdict: Sendable, Equatable {
    public let path: String
    /// nil for an entry that is no checkpoint.
    public let step: Int?
    public let bytes: Int
    public let manifestSHA256: String?
    public let finding: Finding

    public enum Finding: Sendable, Equatable {
        case whole
        /// Why it cannot be loaded, with the file.
        case damaged(String)
        /// A damaged checkpoint that an earlier resume renamed.
        case setAside
        /// Left by a killed job; the next save removes it.
        case unfinished
        /// Not ours; left alone.
        case stranger
    }
}
