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
        guard rotatedDimension.isMultiple(of: 2), rotatedDimension <= headDimension else {
            let number =
                rotatedDimension == headDimension ? key : "the rotated part of a head"
            throw ModelFileError(
                "\(number) \(rotatedDimension) is odd or more than the head has "
                    + "(\(headDimension)); rotary embedding needs pairs", file: path)
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
