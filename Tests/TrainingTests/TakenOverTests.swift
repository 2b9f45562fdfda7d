import Foundation
import TestSupport
import Testing

/// Two jobs on storage that ignores locks: one was cut off or stopped, and another took its place.
@Suite(.serialized) struct TakenOverTests {
    private static let length = ["--epochs", "60", "--checkpoint-every", "5"]

    /// A job of one rank whose locks always succeed (strace answers in place of the system).
    private func job(_ out: String, scratch: String) throws -> Process {
        try FileManager.default.createDirectory(
            atPath: scratch, withIntermediateDirectories: true)
        return try Programs.start(
            "strace",
            [
                "-f", "-qq", "-o", "/dev/null", "-e", "trace=flock", "-e", "inject=flock:retval=0",
                Programs.folder + "/lora-worker",
            ] + TrainingRunFixture.arguments(out: out, Self.length), scratch: scratch)
    }

    private func worker(of out: String) throws -> Int32 {
        let found = try Programs.run(
            "pgrep", ["-f", "^[^ ]*lora-worker --model .* --out \(out) "])
        return try #require(Int32(found.output.split(separator: "\n").first ?? ""))
    }

    @Test(.timeLimit(.minutes(10)))
    func aZombieWritesNothingMore() throws {
        try Programs.withScratchFolder { scratch in
            let out = scratch + "/run"
            let zombie = try job(out, scratch: scratch + "/zombie")
            while zombie.isRunning, ((try? TrainingRunFixture.steps(of: out).last) ?? 0) < 22 {
                usleep(2000)
            }
            let victim = try worker(of: out)
            try #require(kill(victim, SIGSTOP) == 0)
            let heir = try job(out, scratch: scratch + "/heir")
            heir.waitUntilExit()
            let finished = try Programs.outcome(of: heir, scratch: scratch + "/heir")
            #expect(finished.exitCode == 0, "\(finished.errors)")
            let before = try contents(of: out)
            try #require(kill(victim, SIGCONT) == 0)
            zombie.waitUntilExit()
            let woken = try Programs.outcome(of: zombie, scratch: scratch + "/zombie")
            #expect(woken.exitCode == 76, "\(woken.errors)")
            #expect(woken.errors.contains("another job has taken this run over"))
            #expect(try contents(of: out) == before)
            #expect(try TrainingRunFixture.steps(of: out) == Array(1...360))
        }
    }

    /// Every file of the run by its path, but what names the job that holds it.
    private func contents(of out: String) throws -> [String: Data] {
        let names = try #require(FileManager.default.enumerator(atPath: out))
        var files: [String: Data] = [:]
        for case let name as String in names where name != ".lease" {
            files[name] = FileManager.default.contents(atPath: out + "/" + name)
        }
        return files
    }
}
