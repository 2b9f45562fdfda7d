import Files

extension MappedFile {
    /// - Throws: ``ModelFileError`` that calls the file what it is, if it is of a kind that no part
    ///   of a model is: a Git-LFS pointer, a web page, an archive.
    func requireModelFile() throws(ModelFileError) {
        // The longest of what is looked at, a tar archive's name, ends far before that.
        let head = UnsafeRawBufferPointer(rebasing: bytes.prefix(4096))
        guard let kind = FileKind.of(head), !kind.isWeights else { return }
        throw ModelFileError("is \(kind.name)", file: path, hint: kind.modelHint(path: path))
    }
}
