import Checkpoints
import Foundation
import TestSupport
import Testing

/// Kills or fails a saving process at each of its system calls in turn (strace's injection).
///
/// The process resumes, saves and prunes. Whatever moment it dies at, what was durable before
/// must load, and what it called durable must be the newest.
@Suite(.serialized, .timeLimit(.minutes(15))) struct CrashTests {
    enum Scenario: String, CaseIterable {
        /// 50 and 100 are there; 150 is saved, 50 pruned.
        case next
        /// 100 is saved again with other contents.
        case replacement
        /// 150 is there but damaged: set aside on resume, then saved anew.
        case afterDamage

        var step: Int { self == .replacement ? 100 : 150 }
    }

    static let watched =
        "openat,write,fsync,close,fstat,mkdirat,mkdir,rename,renameat,renameat2,unlinkat,rmdir,getdents64,read,newfstatat,fcntl"

    @Test(arguments: Scenario.allCases) func survivesAKillAtEverySystemCall(
        _ scenario: Scenario
    ) throws {
        let calls = try plan(scenario)
        #expect(calls.count > 40, "the saver's system calls were not seen")
        for call in calls {
            let victim = try prepare(scenario)
            let run = try run(
                scenario, on: victim, tracing: "\(call.name):signal=KILL:when=\(call.ordinal)")
            #expect(run.status != 0, "\(call) was not reached")
            try check(victim, scenario, saidDurable: run.output.contains("SAVED"), call)
            // The next job goes on as if nothing had been.
            let again = try self.run(scenario, on: victim, tracing: nil)
            #expect(again.status == 0, "after \(call): \(again.output)")
            let left = try victim.names().filter { $0.hasPrefix(".stage") || $0.hasPrefix(".gc") }
            #expect(left.isEmpty, "after \(call)")
        }
    }

    @Test(arguments: ["ENOSPC", "EIO"]) func survivesAnErrorOfEveryWritingCall(
        _ error: String
    ) throws {
        let writing = ["write", "fsync", "mkdirat", "renameat", "renameat2", "close"]
        for call in try plan(.next) where writing.contains(call.name) {
            let victim = try prepare(.next)
            let run = try run(
                .next, on: victim, tracing: "\(call.name):error=\(error):when=\(call.ordinal)")
            #expect([0, 75].contains(run.status), "\(call): \(run.output)")
            #expect((run.status == 0) == !run.output.contains("error:"), "\(call)")
            try check(victim, .next, saidDurable: run.output.contains("SAVED"), call)
            let left = try victim.names().filter { $0.hasPrefix(".stage") }
            #expect(left.isEmpty, "after \(call)")
        }
    }

    /// What no kill can show: a power cut keeps only what was forced to the disk by then.
    @Test func forcesEverythingToTheDiskBeforeItIsNamed() throws {
        let order = try plan(.next).map(\.name)
            .filter { ["fsync", "renameat2", "renameat", "rename"].contains($0) }
        let files = ["adapter", "moments", "document.json", "MANIFEST.json"]
        #expect(
            order == files.map { _ in "fsync" }
                // The stage, its name, the folder; then the pruned one's new name and the folder.
                + ["fsync", "renameat2", "fsync", "renameat", "fsync"])
    }

    /// One system call of the saver: the n-th of its name.
    struct Call: CustomStringConvertible {
        var name: String
        var ordinal: Int
        var description: String { "\(name) number \(ordinal)" }
    }

    /// What the saver calls from its first touch of the checkpoint folder on.
    private func plan(_ scenario: Scenario) throws -> [Call] {
        let victim = try prepare(scenario)
        let log = victim.path + ".log"
        defer { try? FileManager.default.removeItem(atPath: log) }
        let run = try execute(
            ["strace", "-qq", "-o", log, "-e", "trace=" + Self.watched, Self.saver]
                + arguments(scenario, victim))
        try #require(run.status == 0, "strace is needed (apt install strace): \(run.output)")
        var ordinals: [String: Int] = [:]
        var calls: [Call] = []
        var begun = false
        for line in try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n") {
            let name = String(line.prefix { $0 != "(" })
            ordinals[name, default: 0] += 1
            begun = begun || line.contains(victim.path)
            if begun { calls.append(Call(name: name, ordinal: ordinals[name] ?? 0)) }
        }
        return calls
    }

    private func prepare(_ scenario: Scenario) throws -> ScratchFolder {
        let victim = try ScratchFolder(inMemory: true)
        for step in [50, 100] + (scenario == .afterDamage ? [150] : []) {
            let run = try execute([Self.saver, victim.path, "\(step)", "0", "9"])
            try #require(run.status == 0, "\(run.output)")
        }
        if scenario == .afterDamage { try victim.write([1], to: "step-00000150/adapter") }
        return victim
    }

    private func arguments(_ scenario: Scenario, _ victim: ScratchFolder) -> [String] {
        [victim.path, "\(scenario.step)", "1", "2"]
    }

    private func run(_ scenario: Scenario, on victim: ScratchFolder, tracing inject: String?) throws
        -> (status: Int32, output: String)
    {
        let tracer = inject.map {
            [
                "strace", "-qq", "-o", "/dev/null", "-e", "trace=" + Self.watched, "-e",
                "inject=" + $0,
            ]
        }
        return try execute((tracer ?? []) + [Self.saver] + arguments(scenario, victim))
    }

    private func check(
        _ victim: ScratchFolder, _ scenario: Scenario, saidDurable: Bool, _ call: Call
    ) throws {
        let loaded = try #require(
            try CheckpointStore(folder: victim.path).loadNewest(), "after \(call)")
        let variant = loaded.document == "{\"variant\": 1}" ? 1 : 0
        let state = [loaded.step, variant]
        let new = [scenario.step, 1]
        #expect(state == new || (!saidDurable && state == [100, 0]), "after \(call): \(state)")
        let value = UInt8(truncatingIfNeeded: loaded.step + variant)
        let expected = [UInt8](repeating: value, count: 70_000)
        #expect(loaded.files == ["adapter": expected, "moments": expected], "after \(call)")
    }

    /// The helper program lies beside the test program.
    private static var saver: String {
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
        return URL(fileURLWithPath: own ?? "").deletingLastPathComponent().path
            + "/checkpoint-saver"
    }

    private func execute(_ command: [String]) throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = command
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        // A signal's number would look like an exit code of its own.
        let status = process.terminationStatus
        return (
            process.terminationReason == .exit ? status : 128 + status,
            String(decoding: output, as: UTF8.self)
        )
    }
}
