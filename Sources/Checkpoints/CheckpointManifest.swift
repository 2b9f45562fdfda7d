import Faults
import Files
import FoundationEssentials

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

    struct Entry: Equatable, Decodable {
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
        text += "  \"run_id\": \(Self.quoted(runID)),\n"
        text += "  \"step\": \(step),\n"
        text += "  \"parent_manifest_sha256\": \(parent.map(Self.quoted) ?? "null"),\n"
        text += "  \"files\": [\n"
        text += files.map { file in
            "    {\"name\": \(Self.quoted(file.name)), \"bytes\": \(file.bytes), "
                + "\"sha256\": \(Self.quoted(file.sha256))}"
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
        // JSON readers recurse; ours nests three deep.
        guard Self.nestingDepth(bytes) <= 8 else {
            throw .damage("is nested too deeply", at: path)
        }
        let decoder = JSONDecoder()
        guard let version = try? decoder.decode(Version.self, from: Data(bytes)) else {
            throw .damage("is not a manifest: it has no format_version", at: path)
        }
        guard version.format_version == Self.formatVersion else {
            throw .refusal(
                "has format version \(version.format_version), and this program reads "
                    + "\(Self.formatVersion)", at: path,
                hint: "Use the program version that wrote it, or a newer one")
        }
        guard let fields = try? decoder.decode(Fields.self, from: Data(bytes)) else {
            throw .damage("is not a manifest: fields are missing or of a wrong type", at: path)
        }
        runID = fields.run_id
        step = fields.step
        parent = fields.parent_manifest_sha256
        files = fields.files
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

    // swift-format-ignore: AlwaysUseLowerCamelCase
    private struct Version: Decodable {
        var format_version: Int
    }

    // swift-format-ignore: AlwaysUseLowerCamelCase
    private struct Fields: Decodable {
        var run_id: String
        var step: Int
        var parent_manifest_sha256: String?
        var files: [Entry]
    }

    private static func nestingDepth(_ bytes: [UInt8]) -> Int {
        var depth = 0
        var deepest = 0
        for byte in bytes {
            if byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") { depth += 1 }
            if byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]") { depth -= 1 }
            deepest = max(deepest, depth)
        }
        return deepest
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
