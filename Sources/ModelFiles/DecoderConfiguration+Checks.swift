extension DecoderConfiguration {
    /// Refuses numbers of heads that contradict each other, named by their keys in the file.
    func checkHeads(
        path: String, heads: String, keyValueHeads: String, headDimension key: String
    ) throws(ModelFileError) {
        guard headCount.isMultiple(of: keyValueHeadCount) else {
            throw ModelFileError(
                "\(heads) \(headCount) is no multiple of \(keyValueHeads) \(keyValueHeadCount)",
                file: path)
        }
        guard headDimension.isMultiple(of: 2) else {
            throw ModelFileError(
                "\(key) \(headDimension) is odd; rotary embedding needs pairs", file: path)
        }
    }

    /// Refuses special tokens outside the vocabulary.
    func checkTokens(path: String, bos: String, eos: String) throws(ModelFileError) {
        let marked = (bosToken.map { [(bos, $0)] } ?? []) + eosTokens.map { (eos, $0) }
        for (key, token) in marked where !(0..<vocabularySize).contains(token) {
            throw ModelFileError(
                "\(key) \(token) lies outside the vocabulary of \(vocabularySize)", file: path)
        }
    }
}
