/// The merges that a vocabulary with scores stands for, as Hugging Face's converter lists them:
/// for each token all pairs of tokens that it can be made of, highest score first, of equal ones
/// that with the longest left part.
///
/// Source: transformers `convert_slow_tokenizer.py`, `generate_merges`.
enum MergesFromScores {
    static func merges(
        _ vocabulary: [(token: String, id: Int)], _ scores: [Float]
    ) -> [(left: String, right: String)] {
        var ids = ByteStringTable(minimumCapacity: vocabulary.count)
        for (token, id) in vocabulary {
            let bytes = Array(token.utf8)
            ids.insert(bytes, 0..<bytes.count, value: Int32(id))
        }
        var merges: [(left: String, right: String, score: Float, order: (Int, Int, Int32, Int32))] =
            []
        for (token, id) in vocabulary {
            let scalars = token.unicodeScalars
            for cut in scalars.indices.dropFirst() {
                let (left, right) = (String(scalars[..<cut]), String(scalars[cut...]))
                guard let leftID = ids.value(of: left), let rightID = ids.value(of: right) else {
                    continue
                }
                let lengths = (left.unicodeScalars.count, right.unicodeScalars.count)
                merges.append(
                    (left, right, scores[id], (-lengths.0, -lengths.1, leftID, rightID)))
            }
        }
        merges.sort {
            $0.score != $1.score ? $0.score > $1.score : $0.order < $1.order
        }
        return merges.map { ($0.left, $0.right) }
    }
}
