import Foundation
public import ModelFiles

extension Tokenizer {
    /// The tokenizer of an open model.
    ///
    /// - Throws: ``TokenizationError`` if there is none, or none that is supported.
    public convenience init(model: BaseModel) throws(TokenizationError) {
        if let metadata = model.ggufMetadata {
            try self.init(ggufMetadata: metadata, path: model.path)
        } else {
            try self.init(folder: model.path)
        }
    }

    /// The tokenizer of a model whose weights are not needed.
    ///
    /// - Parameter modelPath: A Hugging Face folder or one GGUF file.
    /// - Throws: ``TokenizationError`` if there is no tokenizer, or none that is supported.
    public convenience init(modelPath: String) throws(TokenizationError) {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: modelPath, isDirectory: &isFolder) else {
            throw TokenizationError(
                "does not exist", at: modelPath,
                hint: "Give a folder with tokenizer.json, or a .gguf file")
        }
        if isFolder.boolValue {
            try self.init(folder: modelPath)
        } else {
            let metadata: [String: GGUFValue]
            do {
                metadata = try GGUFFile(path: modelPath).metadata
            } catch {
                throw TokenizationError(error.problem, at: error.location, hint: error.hint)
            }
            try self.init(ggufMetadata: metadata, path: modelPath)
        }
    }
}
