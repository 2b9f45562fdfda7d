import Files
import Foundation
import ModelFiles

/// SHA-256 of what a run depends on, so that another rank or a resumed run can compare.
enum Fingerprints {
    static func sha256(_ bytes: some Collection<UInt8>) -> String {
        SHA256.digest(of: bytes).hexadecimal
    }

    static func sha256(file path: String) throws(FileError) -> String {
        try SHA256.digest(ofFile: path).hexadecimal
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
        return sha256(lines.joined().utf8)
    }
}
