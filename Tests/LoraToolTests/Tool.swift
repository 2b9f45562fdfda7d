import Foundation
import TestSupport
import Testing

/// `lora`, run as a user would, with a scratch folder for what a test writes.
struct Tool {
    /// Taken away by ``remove()``.
    let scratch: String

    static let fixtures = Programs.repository + "/Tests/Fixtures"

    init() throws {
        scratch =
            FileManager.default.temporaryDirectory
            .appendingPathComponent("lora-tool-tests-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(
            atPath: scratch, withIntermediateDirectories: true)
    }

    func remove() { try? FileManager.default.removeItem(atPath: scratch) }

    /// Runs `lora` to its end, with `input` on its standard input.
    func lora(_ arguments: [String], input: String = "") throws -> Programs.Outcome {
        let file = "\(scratch)/\(UUID().uuidString)"
        try input.write(toFile: file, atomically: false, encoding: .utf8)
        return try Programs.run(
            "sh",
            ["-c", "exec \"$0\" \"$@\" < '\(file)'", try Self.program("lora")] + arguments)
    }

    func lora(_ arguments: String..., input: String = "") throws -> Programs.Outcome {
        try lora(arguments, input: input)
    }

    /// A missing program fails the test, and says which.
    private static func program(_ name: String) throws -> String {
        let path = Programs.folder + "/" + name
        try #require(FileManager.default.isExecutableFile(atPath: path), "\(path) is missing")
        return path
    }

    /// A small run on `tiny-llama` that evaluates; finished.
    func trainedRun() throws -> String {
        let (model, out) = (Self.fixtures + "/tiny-llama", scratch + "/run")
        let result = try Programs.run(
            try Self.program("lora-worker"),
            [
                "--model", model, "--data", model + "/train.jsonl", "--eval-data",
                model + "/held-out.jsonl", "--out", out, "--steps", "4", "--batch-size", "8",
                "--slice-size", "2", "--lr", "0.01",
            ])
        try #require(result.exitCode == 0, "\(result.errors)")
        return out
    }

    /// The numbers of one JSON object.
    static func numbers(_ json: some StringProtocol) throws -> [String: Double] {
        let object = try JSONSerialization.jsonObject(with: Data(json.utf8))
        return try #require(object as? [String: Any]).compactMapValues { $0 as? Double }
    }
}
