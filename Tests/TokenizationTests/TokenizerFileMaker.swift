import Foundation

/// A small tokenizer.json to be changed in one place, so that each test shows only that place.
///
/// Ids 0…255 are the bytes; then come the results of `merges`, then the added tokens.
struct TokenizerFileMaker {
    var model: [String: Any] = ["type": "BPE"]
    var vocabulary: [String: Int]
    var merges: [Any]
    var root: [String: Any] = [
        "pre_tokenizer": ["type": "ByteLevel", "add_prefix_space": false, "use_regex": true]
    ]
    var otherFiles: [String: String] = [:]

    /// Tokens of `merges` are in the alphabet of vocabularies, where `Ġ` is the space.
    init(merges: [(String, String)] = [("a", "b")], addedTokens: [[String: Any]] = []) {
        self.merges = merges.map { [$0.0, $0.1] }
        var substitute: UInt32 = 0x100
        var tokens: [String] = []
        for byte in UInt32(0)...255 {
            let printable = (0x21...0x7E).contains(byte) || byte >= 0xA1 && byte != 0xAD
            tokens.append(String(Unicode.Scalar(printable ? byte : substitute) ?? "?"))
            if !printable { substitute += 1 }
        }
        tokens += merges.map { $0.0 + $0.1 }
        vocabulary = Dictionary(
            uniqueKeysWithValues: tokens.enumerated().map { ($0.element, $0.offset) })
        root["added_tokens"] = addedTokens.enumerated().map { index, token in
            token.merging(["id": tokens.count + index]) { _, id in id }
        }
    }

    /// Writes the files into a new folder and calls `body` with its path.
    func withFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
        var document = root
        document["model"] = model.merging(["vocab": vocabulary, "merges": merges]) { own, _ in own }
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("tokenizer-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try JSONSerialization.data(withJSONObject: document)
            .write(to: folder.appendingPathComponent("tokenizer.json"))
        for (name, content) in otherFiles {
            try Data(content.utf8).write(to: folder.appendingPathComponent(name))
        }
        return try body(folder.path)
    }
}
