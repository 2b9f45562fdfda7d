import Files
import Foundation
import ModelFiles

/// SHA-256 of what a run depends on beside single files, so that another rank or a resumed run can
/// compare.
public enum Fingerprints {
    /// Of the model at `path`: of weights, configuration and tokenizer.
    ///
    /// - Throws: A fault naming the file that is missing or wrong.
    public static func sha256(model path: String) throws -> String {
        try sha256(model: BaseModel.open(path: path))
    }

    /// Of weights, configuration and tokenizer: the names of a folder's files and their contents;
    /// of a single file only the content, so that it may be renamed.
    static func sha256(model: BaseModel) throws -> String {
        guard model.ggufMetadata == nil else {
            return try SHA256.digest(ofFile: model.path).hexadecimal
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
            return try "\(SHA256.digest(ofFile: path).hexadecimal)  \(name)\n"
        }
        return SHA256.digest(of: lines.joined().utf8).hexadecimal
    }
}
