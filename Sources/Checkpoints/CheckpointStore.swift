import Faults
public import Files
import Glibc

/// The checkpoints of one run: a folder of folders `step-00000050`.
///
/// One writer at a time. A checkpoint is built under another name, forced to the disk file by file
/// and then renamed, so that a name `step-…` never stands for less than a whole checkpoint, whatever
/// moment the process or the machine dies at. Readers believe nothing but hashes.
public struct CheckpointStore: Sendable {
    public let folder: String
    /// A file that is larger is refused unread.
    let maximumFileBytes: Int

    /// Touches nothing: the folder is made by the first ``save(step:runID:parent:document:files:)``.
    ///
    /// - Parameters:
    ///   - folder: `OUT/checkpoints`.
    ///   - maximumFileBytes: Upper bound on what loading one file allocates.
    public init(folder: String, maximumFileBytes: Int = 16 << 30) {
        self.folder = folder
        self.maximumFileBytes = maximumFileBytes
    }

    /// Name of the file that holds the caller's document.
    public static let documentName = "document.json"
    static let stepPrefix = "step-"
    static let badPrefix = ".bad-"
    static let removalPrefix = StagedFolder.asidePrefix

    /// Writes a checkpoint; it would survive a power cut when this returns.
    ///
    /// Saving a step again with the same contents writes nothing; with other contents the new ones
    /// take its place in one step. What a killed job left unfinished is removed.
    ///
    /// - Parameters:
    ///   - step: The last step that is in the saved state, at least 0.
    ///   - runID: Whose checkpoint it is; given back on loading.
    ///   - parent: `manifestSHA256` of the checkpoint saved or loaded before this one.
    ///   - document: Text of the caller's, given back byte for byte: configuration, hashes….
    ///   - files: Names as ``CheckpointFile/name`` says, each once.
    ///   - expected: SHA-256 of the manifest, where it is known; anything else is damage and is not
    ///     saved.
    ///   - mayPublish: Called before anything is touched, and again when everything but the name is in
    ///     place; throws to leave it at that.
    /// - Returns: Where it lies and what identifies it.
    /// - Throws: ``FileError``; earlier checkpoints are untouched then. Exit code 75 where
    ///   the cause may pass (disk full).
    public func save(
        step: Int, runID: String, parent: String? = nil, document: String,
        files: [CheckpointFile], expecting expected: String? = nil,
        mayPublish: () throws(FileError) -> Void = {}
    ) throws(FileError) -> SavedCheckpoint {
        precondition(step >= 0, "step \(step)")
        let all = files + [CheckpointFile(name: Self.documentName, text: document)]
        try checkNames(all)
        let manifest = CheckpointManifest(
            runID: runID, step: step, parent: parent, files: all.map(Self.describe))
        let manifestBytes = manifest.encoded()
        guard manifestBytes.count <= CheckpointManifest.maximumBytes else {
            throw .refusal(
                "\(files.count) files are too many for one manifest", at: folder,
                hint: "Join some of them")
        }

        let digest = SHA256.digest(of: manifestBytes).hexadecimal
        guard expected == nil || expected == digest else {
            throw .damage("has changed on its way", at: path(of: Self.name(ofStep: step)))
        }

        let saved = SavedCheckpoint(
            step: step, path: path(of: Self.name(ofStep: step)),
            bytes: manifest.files.reduce(manifestBytes.count) { $0 + $1.bytes },
            manifestSHA256: digest)
        // Written last: without it a folder is no checkpoint.
        let last = CheckpointFile(name: CheckpointManifest.fileName, bytes: manifestBytes)
        do throws(FileError) {
            try write(all + [last], as: saved, mayPublish)
        } catch {
            throw error.advising(
                whenFull: "keep fewer checkpoints (--keep)", elsewhere: "choose another --out")
        }
        return saved
    }

    private func write(
        _ files: [CheckpointFile], as saved: SavedCheckpoint,
        _ mayPublish: () throws(FileError) -> Void
    ) throws(FileError) {
        try mayPublish()
        try DurableFiles.makeFolder(folder, permissions: 0o700)
        let root = try Descriptor.folder(folder)
        try removeLeftovers(in: root)
        if let existing = try? read(step: saved.step, in: root, keepingBytes: false),
            existing.manifestSHA256 == saved.manifestSHA256
        {
            return
        }
        let name = Self.name(ofStep: saved.step)
        let stage = try StagedFolder(
            in: root, label: name, permissions: (folder: 0o700, files: 0o600))
        for file in files {
            try file.withBytes { (bytes) throws(FileError) in
                try stage.write(bytes, to: file.name)
            }
        }
        try mayPublish()
        try stage.publish(as: name)
    }

    private func checkNames(_ files: [CheckpointFile]) throws(FileError) {
        var seen: Set<String> = [CheckpointManifest.fileName]
        for file in files {
            guard CheckpointFile.isValid(name: file.name), seen.insert(file.name).inserted else {
                throw .refusal(
                    "'\(file.name)' cannot name a file of a checkpoint, or does so twice",
                    at: folder, hint: "Use letters, digits, '.', '_' and '-'")
            }
        }
    }

    private static func describe(_ file: CheckpointFile) -> CheckpointManifest.Entry {
        file.withBytes { bytes in
            CheckpointManifest.Entry(
                name: file.name, bytes: bytes.count,
                sha256: SHA256.digest(of: bytes).hexadecimal)
        }
    }

    /// Removes what a killed job left: stages, and checkpoints whose removal had begun.
    func removeLeftovers(in root: borrowing Descriptor) throws(FileError) {
        for name in try root.entries()
        where name.hasPrefix(StagedFolder.prefix) || name.hasPrefix(Self.removalPrefix) {
            try root.remove(name)
        }
    }

    func path(of name: String) -> String { folder + "/" + name }

    /// `step-00000050`: eight digits, more where needed.
    static func name(ofStep step: Int) -> String {
        let digits = String(step)
        return stepPrefix + String(repeating: "0", count: max(0, 8 - digits.count)) + digits
    }

    /// The step of a folder name, or nil if ``name(ofStep:)`` would not write it so.
    static func step(ofName name: String) -> Int? {
        guard name.hasPrefix(stepPrefix), let step = Int(name.dropFirst(stepPrefix.count)),
            step >= 0, Self.name(ofStep: step) == name
        else { return nil }
        return step
    }
}

/// A checkpoint that would survive a power cut.
public struct SavedCheckpoint: Sendable, Equatable {
    public let step: Int
    public let path: String
    /// Size of all its files.
    public let bytes: Int
    /// SHA-256 of its manifest, hexadecimal: stands for every byte of the checkpoint.
    public let manifestSHA256: String
}
