import Foundation
import Testing

/// The built programs, run as a user would.
struct Programs {
    let scratch: String

    struct Result {
        let exitCode: Int32
        let output: String
        let errors: String
    }

    /// Makes a scratch folder, which ``remove()`` takes away.
    init() throws {
        scratch =
            FileManager.default.temporaryDirectory
            .appendingPathComponent("lora-tool-tests-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(
            atPath: scratch, withIntermediateDirectories: true)
    }

    func remove() { try? FileManager.default.removeItem(atPath: scratch) }

    static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Fixtures").path

    /// Where the test bundle lies: SwiftPM puts all products of a configuration side by side.
    private static var folder: String {
        get throws {
            let started = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
            let bundle = Bundle.main.bundleURL
            let arguments = CommandLine.arguments.map { URL(fileURLWithPath: $0) }
            let candidates =
                [started, bundle] + arguments.map { $0.deletingLastPathComponent() }
            let found = candidates.first {
                FileManager.default.isExecutableFile(atPath: $0.path + "/lora")
            }
            return try #require(found?.path, "no program lora beside the test bundle")
        }
    }

    /// Runs a program to its end.
    ///
    /// - Parameter input: What stands on its standard input.
    func run(_ program: String, _ arguments: [String], input: String = "") throws -> Result {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try Self.folder + "/" + program)
        process.arguments = arguments
        // Files, as a full pipe would block a program whose other pipe is read first.
        let names = ["in", "out", "err"].map { "\(scratch)/\($0)-\(UUID().uuidString)" }
        try Data(input.utf8).write(to: URL(fileURLWithPath: names[0]))
        for name in names[1...] { try Data().write(to: URL(fileURLWithPath: name)) }
        process.standardInput = try FileHandle(forReadingFrom: URL(fileURLWithPath: names[0]))
        process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: names[1]))
        process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: names[2]))
        try process.run()
        process.waitUntilExit()
        return Result(
            exitCode: process.terminationStatus,
            output: try String(contentsOfFile: names[1], encoding: .utf8),
            errors: try String(contentsOfFile: names[2], encoding: .utf8))
    }

    func lora(_ arguments: String..., input: String = "") throws -> Result {
        try run("lora", arguments, input: input)
    }

    /// A small run on `tiny-llama` that evaluates; finished.
    func trainedRun() throws -> String {
        let (model, out) = (Self.fixtures + "/tiny-llama", scratch + "/run")
        let result = try run(
            "lora-worker",
            [
                "--model", model, "--data", model + "/train.jsonl", "--eval-data",
                model + "/held-out.jsonl", "--out", out, "--steps", "4", "--batch-size", "8",
                "--slice-size", "3", "--lr", "0.01",
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
