import Files
public import JSON

/// What reads `config.json` and its like.
typealias ConfigurationObject = JSONReader<ModelFileError>

extension JSONReader<ModelFileError> {
    /// The object that is the whole file.
    init(_ file: MappedFile) throws(ModelFileError) {
        try self.init(root: JSONValue.read(file, maximumBytes: 16 << 20), file: file.path)
    }
}

extension JSONValue {
    /// Reads a whole file of at most `maximumBytes`.
    ///
    /// - Throws: ``ModelFileError`` with line and column if the file is no JSON, is nested too deep, or has
    ///   a key twice in one object.
    public static func read(
        path: String, maximumBytes: Int = 256 << 20
    ) throws(ModelFileError) -> JSONValue {
        try read(MappedFile.model(path), maximumBytes: maximumBytes)
    }

    static func read(
        _ file: MappedFile, maximumBytes: Int = 256 << 20
    ) throws(ModelFileError) -> JSONValue {
        guard file.bytes.count <= maximumBytes else {
            throw ModelFileError(
                "has \(file.bytes.count) bytes; at most \(maximumBytes) are read", file: file.path)
        }
        return try parse(file.bytes, path: file.path)
    }

    /// Parses bytes that came from `path`.
    static func parse(
        _ bytes: UnsafeRawBufferPointer, path: String
    ) throws(ModelFileError) -> JSONValue {
        do throws(JSONError) {
            return try JSONValue(json: bytes)
        } catch {
            throw ModelFileError(error.problem, file: path, part: error.location)
        }
    }
}
