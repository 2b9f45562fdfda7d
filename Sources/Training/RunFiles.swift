import ModelFiles

/// Digests of a run's files, as its ranks compare them.
public enum RunFiles {
    /// Of any file's bytes, in hexadecimal.
    ///
    /// - Throws: A fault naming the file.
    public static func sha256(file path: String) throws -> String {
        try Fingerprints.sha256(file: path)
    }

    /// Of weights, configuration and tokenizer.
    ///
    /// - Throws: A fault naming the file that is missing or wrong.
    public static func sha256(model path: String) throws -> String {
        try Fingerprints.sha256(model: BaseModel.open(path: path))
    }
}
