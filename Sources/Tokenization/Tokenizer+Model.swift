import Foundation
import ModelFiles

extension Tokenizer {
    /// The tokenizer of a model: a Hugging Face folder or one GGUF file.
    ///
    /// - Throws: ``TokenizationError`` if there is none, or none that is supported.
    public static func load(modelPath: String) throws(TokenizationError) -> Tokenizer {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: modelPath, isDirectory: &isFolder) else {
            throw TokenizationError(
                "does not exist", at: modelPath,
                hint: "Give a folder with tokenizer.json, or a .gguf file")
        }
        if isFolder.boolValue { return try Tokenizer(folder: modelPath) }
        let metadata: [String: GGUFValue]
        do {
            metadata = try GGUFFile(path: modelPath).metadata
        } catch {
            throw TokenizationError(error.problem, at: error.location, hint: error.hint)
        }
        return try Tokenizer(ggufMetadata: metadata, path: modelPath)
    }
}
