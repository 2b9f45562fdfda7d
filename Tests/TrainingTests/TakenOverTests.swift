import Foundation
import TestSupport
import Testing

/// Two jobs on storage that ignores locks: one was cut off or stopped, and another took its place.
@Suite(.serialized) struct TakenOverTests {
    private static let length = ["--epochs", "10", "--checkpoint-every", "5"]

    /// A job of one rank whose locks always succeed (strace answers in place of the system).
    private func job(_ out: String) -> [String] {
        [
            "-f", "-qq", "-o", "/dev/null", "-e", "trace=flock", "-e", "inject=flock:retval=0",
            Programs.folder + "/lora-worker",
        ] + TrainingRunFixture.arguments(out: out, Self.length)
    }

    @Test(.timeLimit(.minutes(10)))
    func aZombieWritesNothingMore() throws {
        try Programs.withScratchFolder { scratch in
            let out = scratch + "/run"
            let zombie = try SelfStoppingJob(
                "strace", job(out), rank: 0, step: 23, scratch: scratch + "/zombie")
            let heir = try Programs.run("strace", job(out))
            #expect(heir.exitCode == 0, "\(heir.errors)")
            let before = try contents(of: out)
            zombie.send(SIGCONT)
            let woken = try zombie.outcome()
            #expect(woken.exitCode == 76, "\(woken.errors)")
            #expect(woken.errors.contains("another job has taken this run over"))
            #expect(try contents(of: out) == before)
            #expect(try TrainingRunFixture.steps(of: out) == Array(1...60))
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
