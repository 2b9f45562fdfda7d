public import Foundation

/// The programs of this package, run as a user runs them.
public enum Programs {
    /// Root of the repository.
    public static let repository = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

    /// A fixture under `Tests/Fixtures`.
    public static func fixture(_ name: String) -> String { repository + "/Tests/Fixtures/" + name }

    /// Where the build put the programs: beside the test bundle.
    public static let folder: String = {
        let bundle = CommandLine.arguments.first { $0.contains(".xctest") }
        if let bundle, let range = bundle.range(of: "/[^/]*\\.xctest", options: .regularExpression)
        {
            return String(bundle[..<range.lowerBound])
        }
        #if DEBUG
            return repository + "/.build/debug"
        #else
            return repository + "/.build/release"
        #endif
    }()

    public struct Outcome: Sendable {
        public let exitCode: Int32
        public let output: String
        public let errors: String
    }

    /// Environment of `mpirun`: tests run as root in containers, and with more ranks than cores.
    public static let environment: [String: String] =
        ProcessInfo.processInfo.environment.merging([
            "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        ]) { $1 }

    /// Starts `program`, found in PATH unless it is a path; output goes to files in `scratch`.
    public static func start(
        _ program: String, _ arguments: [String], scratch: String
    ) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [program] + arguments
        process.environment = environment
        process.standardInput = FileHandle.nullDevice
        let output = try newFile(scratch + "/output")
        let errors = try newFile(scratch + "/errors")
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        try output.close()
        try errors.close()
        return process
    }

    private static func newFile(_ path: String) throws -> FileHandle {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw CocoaError(
                .fileWriteUnknown,
                userInfo: [
                    NSLocalizedDescriptionKey: "\(path): \(String(cString: strerror(errno)))"
                ])
        }
        return FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }

    /// Runs `program` to its end.
    public static func run(_ program: String, _ arguments: [String]) throws -> Outcome {
        try withScratchFolder { scratch in
            let process = try start(program, arguments, scratch: scratch)
            process.waitUntilExit()
            return try outcome(of: process, scratch: scratch)
        }
    }

    /// What a process started by ``start(_:_:scratch:)`` said, once it has ended.
    public static func outcome(of process: Process, scratch: String) throws -> Outcome {
        // A process that was killed by a signal counts as 128 + signal, as in a shell.
        let code =
            process.terminationReason == .exit
            ? process.terminationStatus : 128 + process.terminationStatus
        return Outcome(
            exitCode: code,
            output: try String(contentsOfFile: scratch + "/output", encoding: .utf8),
            errors: try String(contentsOfFile: scratch + "/errors", encoding: .utf8))
    }

    /// `mpirun -n ranks lora-worker arguments`.
    public static func mpirun(ranks: Int, _ arguments: [String]) throws -> Outcome {
        try run("mpirun", mpirunArguments(ranks: ranks, arguments))
    }

    /// The arguments of that command.
    public static func mpirunArguments(ranks: Int, _ arguments: [String]) -> [String] {
        ["--oversubscribe", "-n", "\(ranks)", folder + "/lora-worker"] + arguments
    }

    /// A new empty folder that is removed afterwards.
    public static func withScratchFolder<Result>(
        _ body: (String) throws -> Result
    ) throws -> Result {
        let path = NSTemporaryDirectory() + "lora-test-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: path) }
        return try body(path)
    }
}
