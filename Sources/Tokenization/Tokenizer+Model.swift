public import ModelFiles

extension Tokenizer {
    /// The tokenizer that comes with a base model: of its folder, or inside its GGUF file.
    ///
    /// - Throws: ``TokenizationError`` as the two other initialisers.
    public convenience init(model: BaseModel) throws(TokenizationError) {
        if let metadata = model.ggufMetadata {
            try self.init(ggufMetadata: metadata)
        } else {
            try self.init(folder: model.path)
        }
    }
}
