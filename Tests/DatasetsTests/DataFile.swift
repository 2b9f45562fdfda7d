import Datasets
import Foundation
import Slices
import Tokenization

/// Loads text as a data file, with the tokenizer of a fixture.
enum DataFile {
    static let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent()

    static func fixture(_ name: String) -> String {
        tests.appendingPathComponent("DatasetsTests/Fixtures/\(name)").path
    }

    static func tokenizer(_ name: String = "llama3") throws -> Tokenizer {
        try Tokenizer(
            folder: tests.appendingPathComponent("TokenizationTests/Fixtures/\(name)").path)
    }

    /// Errors name the file as `FILE`.
    static func load(
        _ content: Data, format: DatasetFormat? = nil, maxLength: Int = 1000,
        skipBadLines: Bool = false
    ) throws -> LoadedDataset {
        let path = FileManager.default.temporaryDirectory
            .appendingPathComponent("data-\(UUID().uuidString).jsonl")
        try content.write(to: path)
        defer { try? FileManager.default.removeItem(at: path) }
        do {
            return try loadDataset(
                path: path.path, format: format, tokenizer: try tokenizer(), maxLength: maxLength,
                skipBadLines: skipBadLines)
        } catch let error as DatasetError {
            throw Failure(
                message: "\(error)".replacingOccurrences(of: path.path, with: "FILE"))
        }
    }

    static func load(
        _ content: String, format: DatasetFormat? = nil, maxLength: Int = 1000,
        skipBadLines: Bool = false
    ) throws -> LoadedDataset {
        try load(
            Data(content.utf8), format: format, maxLength: maxLength, skipBadLines: skipBadLines)
    }

    struct Failure: Error, Equatable {
        let message: String
    }
}

extension Samples {
    /// Tokens of all samples, one after the other.
    var tokens: [Int32] { (0..<count).flatMap { tokens($0) } }
    /// Target marks of all samples, one after the other.
    var isTarget: [Bool] { (0..<count).flatMap { targetMarks($0) } }
    var rows: [Int] { (0..<count).map { row($0) } }
}
