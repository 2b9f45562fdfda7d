import Faults
import Files
import JSON

/// What a checkpoint consists of: the file `MANIFEST.json`, written last.
///
/// Its last field is the SHA-256 of every byte before that field's line, so that damage to the
/// manifest is found before a byte of it is believed. Any future format keeps that last line, the
/// size limit and `format_version`, so that an older program can tell "newer" from "damaged".
struct CheckpointManifest: Equatable {
    var runID: String
    var step: Int
    /// SHA-256 of the manifest of the checkpoint that the run went on from.
    var parent: String?
    var files: [Entry]

    struct Entry: Equatable {
        var name: String
        var bytes: Int
        var sha256: String
    }

    static let fileName = "MANIFEST.json"
    static let formatVersion = 1
    /// Thousands of files fit; a larger manifest is not read at all.
    static let maximumBytes = 1 << 20

    func encoded() -> [UInt8] {
        var text = "{\n"
        text += "  \"format_version\": \(Self.formatVersion),\n"
        text += "  \"run_id\": \(runID.inJSON),\n"
        text += "  \"step\": \(step),\n"
        text += "  \"parent_manifest_sha256\": \(parent.map(\.inJSON) ?? "null"),\n"
        text += "  \"files\": [\n"
        text += files.map { file in
            "    " + file.json.spacedLine
        }.joined(separator: ",\n")
        text += "\n  ],\n"
        let sealed = Array(text.utf8)
        return sealed + Self.seal(of: sealed[...])
    }

    /// The last lines: the digest of all before them, and the closing brace.
    private static func seal(of sealed: ArraySlice<UInt8>) -> [UInt8] {
        Array("  \"sha256\": \"\(SHA256.digest(of: sealed).hexadecimal)\"\n}\n".utf8)
    }

    init(runID: String, step: Int, parent: String?, files: [Entry]) {
        self.runID = runID
        self.step = step
        self.parent = parent
        self.files = files
    }

    /// - Throws: Damage if `bytes` are not a manifest as written; a refusal if a newer program
    ///   wrote it.
    init(bytes: [UInt8], at path: String) throws(FileError) {
        let sealLength = Self.seal(of: []).count
        let sealed = bytes.dropLast(sealLength)
        guard bytes.count > sealLength,
            bytes.suffix(sealLength).elementsEqual(Self.seal(of: sealed))
        else { throw .damage("is damaged: its own SHA-256 does not match", at: path) }
        guard let members = (try? JSONValue(json: bytes))?.members,
            let version = members["format_version"]?.integer
        else { throw .damage("is not a manifest: it has no format_version", at: path) }
        guard version == Self.formatVersion else {
            throw .refusal(
                "has format version \(version), and this program reads "
                    + "\(Self.formatVersion)", at: path,
                hint: "Use the program version that wrote it, or a newer one")
        }
        guard let runID = members["run_id"]?.string, let step = members["step"]?.integer,
            let files = members["files"]?.items.flatMap(Entry.list),
            let parent = members["parent_manifest_sha256"], parent == .null || parent.string != nil
        else {
            throw .damage("is not a manifest: fields are missing or of a wrong type", at: path)
        }
        self.init(runID: runID, step: step, parent: parent.string, files: files)
        try checkFiles(at: path)
    }

    private func checkFiles(at path: String) throws(FileError) {
        var seen: Set<String> = []
        for file in files {
            guard CheckpointFile.isValid(name: file.name), file.name != Self.fileName else {
                throw .damage("lists the file name '\(file.name.prefix(80))'", at: path)
            }
            guard seen.insert(file.name).inserted else {
                throw .damage("lists '\(file.name)' twice", at: path)
            }
            guard file.bytes >= 0 else {
                throw .damage("lists '\(file.name)' with \(file.bytes) bytes", at: path)
            }
        }
    }

}

extension CheckpointManifest.Entry: JSONRepresentable {
    var json: JSONValue {
        ["name": .text(name), "bytes": .integer(bytes), "sha256": .text(sha256)]
    }

    /// - Returns: `nil` if one of them is no entry.
    fileprivate static func list(_ values: [JSONValue]) -> [CheckpointManifest.Entry]? {
        var entries: [CheckpointManifest.Entry] = []
        for value in values {
            guard let name = value.members?["name"]?.string,
                let bytes = value.members?["bytes"]?.integer,
                let sha256 = value.members?["sha256"]?.string
            else { return nil }
            entries.append(CheckpointManifest.Entry(name: name, bytes: bytes, sha256: sha256))
        }
        return entries
    }
}
