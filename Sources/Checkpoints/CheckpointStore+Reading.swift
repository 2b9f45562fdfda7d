import Faults
import Files
import Glibc

/// A checkpoint whose every byte has been compared with its manifest.
struct CheckpointContents {
    var manifest: CheckpointManifest
    var manifestSHA256: String
    /// Size of all its files.
    var bytes: Int
    /// Empty where only a check was asked for.
    var files: [String: [UInt8]]

    func loaded(at path: String) throws(FileError) -> LoadedCheckpoint {
        var files = files
        guard let bytes = files.removeValue(forKey: CheckpointStore.documentName),
            let document = String(validating: bytes, as: UTF8.self)
        else {
            throw .damage("is missing or not UTF-8", at: path + "/" + CheckpointStore.documentName)
        }
        return LoadedCheckpoint(
            step: manifest.step, path: path, runID: manifest.runID, parent: manifest.parent,
            manifestSHA256: manifestSHA256, document: document, files: files,
            fileNames: manifest.files.map(\.name).filter { $0 != CheckpointStore.documentName })
    }
}

extension CheckpointStore {
    private static let chunkBytes = 1 << 20

    /// Compares one checkpoint with its manifest.
    ///
    /// Without `keepingBytes`, files are hashed in chunks and forgotten.
    func read(step: Int, in root: borrowing Descriptor, keepingBytes: Bool)
        throws(FileError) -> CheckpointContents
    {
        let path = path(of: Self.name(ofStep: step))
        do throws(FileError) {
            let checkpoint = try root.subfolder(Self.name(ofStep: step))
            let manifestPath = path + "/" + CheckpointManifest.fileName
            let manifestBytes = try readManifest(in: checkpoint)
            let manifest = try CheckpointManifest(bytes: manifestBytes, at: manifestPath)
            guard manifest.step == step else {
                throw .damage("belongs to step \(manifest.step)", at: manifestPath)
            }
            var contents = CheckpointContents(
                manifest: manifest,
                manifestSHA256: SHA256.digest(of: manifestBytes).hexadecimal,
                bytes: manifestBytes.count, files: [:])
            for file in manifest.files {
                let bytes = try read(file, in: checkpoint, keepingBytes: keepingBytes)
                contents.bytes += file.bytes
                if keepingBytes { contents.files[file.name] = bytes }
            }
            return contents
        } catch {
            throw error.seenWhileReading
        }
    }

    private func readManifest(
        in checkpoint: borrowing Descriptor
    ) throws(FileError) -> [UInt8] {
        let input = try checkpoint.file(CheckpointManifest.fileName)
        let size = try input.regularFileSize()
        guard size <= CheckpointManifest.maximumBytes else {
            throw .damage("has \(size) bytes, too many for a manifest", at: input.path)
        }
        var bytes: [UInt8] = []
        try forEachChunk(of: input, limit: size) { bytes += $0 }
        return bytes
    }

    private func read(
        _ file: CheckpointManifest.Entry, in checkpoint: borrowing Descriptor, keepingBytes: Bool
    ) throws(FileError) -> [UInt8] {
        let input = try checkpoint.file(file.name)
        let path = input.path
        let size = try input.regularFileSize()
        // Nothing is allocated for a size that the disk does not confirm.
        guard size == file.bytes else {
            throw .damage("has \(size) bytes, and the manifest says \(file.bytes)", at: path)
        }
        guard size <= maximumFileBytes else {
            throw .damage("has \(size) bytes, more than the limit of \(maximumFileBytes)", at: path)
        }
        var hash = SHA256()
        var bytes: [UInt8] = []
        if keepingBytes { bytes.reserveCapacity(size) }
        try forEachChunk(of: input, limit: size) { chunk in
            hash.update(chunk)
            if keepingBytes { bytes += chunk }
        }
        guard hash.finalize().hexadecimal == file.sha256 else {
            throw .damage("is damaged: its SHA-256 is not the manifest's", at: path)
        }
        return bytes
    }

    /// Hands out exactly `limit` bytes in pieces; a file that shrinks meanwhile is damage.
    private func forEachChunk(
        of input: borrowing Descriptor, limit: Int, _ body: (UnsafeRawBufferPointer) -> Void
    ) throws(FileError) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: max(1, min(limit, Self.chunkBytes)), alignment: 16)
        defer { buffer.deallocate() }
        var left = limit
        while left > 0 {
            let wanted = UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(left, buffer.count)])
            let count = try input.read(into: wanted)
            guard count > 0 else {
                throw .damage("became shorter while it was read", at: input.path)
            }
            body(UnsafeRawBufferPointer(rebasing: wanted[..<count]))
            left -= count
        }
    }
}
