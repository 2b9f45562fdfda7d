import Crypto
import Foundation
import ModelFiles
import Tensors

/// SHA-256 of what a run depends on, so that another rank or a resumed run can compare.
enum Fingerprints {
    static func hex(_ digest: SHA256.Digest) -> String {
        digest.map { byte in
            let text = String(byte, radix: 16)
            return byte < 16 ? "0" + text : text
        }.joined()
    }

    static func sha256(_ bytes: UnsafeRawBufferPointer) -> String {
        hex(SHA256.hash(data: bytes))
    }

    static func sha256(_ bytes: [UInt8]) -> String { hex(SHA256.hash(data: bytes)) }

    static func sha256(file path: String) throws -> String {
        let file = try MappedFile(path: path)
        return withExtendedLifetime(file) { sha256(file.bytes) }
    }

    /// Of weights, configuration and tokenizer: the names of a folder's files and their contents;
    /// of a single file only the content, so that it may be renamed.
    static func sha256(model: BaseModel) throws -> String {
        guard model.ggufMetadata == nil else {
            return try sha256(file: model.path)
        }
        var paths = model.files.map(\.path)
        for name in ["tokenizer.json", "tokenizer_config.json"] {
            let path = model.path + "/" + name
            if !paths.contains(path), FileManager.default.fileExists(atPath: path) {
                paths.append(path)
            }
        }
        let lines = try paths.map { path in
            let name = URL(fileURLWithPath: path).lastPathComponent
            return try "\(sha256(file: path))  \(name)\n"
        }
        return sha256([UInt8](lines.joined().utf8))
    }
}
