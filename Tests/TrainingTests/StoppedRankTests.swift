import Foundation
import TestSupport
import Testing

/// A rank that is stopped but not dead: mpirun never notices, the other ranks do.
@Suite(.serialized) struct StoppedRankTests {
    /// Some seconds: on a busy machine a shorter run is over before its rank is stopped.
    private static let length = ["--epochs", "200", "--checkpoint-every", "25"]

    /// Starts a job on two ranks and stops the one of `rank` after some steps.
    private func stopARank(
        _ rank: Int, out: String, timeoutSeconds: Double, scratch: String
    ) throws -> (job: Process, victim: Int32) {
        let job = try Programs.start(
            "mpirun",
            Programs.mpirunArguments(
                ranks: 2,
                TrainingRunFixture.arguments(
                    out: out, Self.length + ["--collective-timeout", "\(timeoutSeconds)"])),
            scratch: scratch)
        while job.isRunning, ((try? TrainingRunFixture.steps(of: out).last) ?? 0) < 12 {
            usleep(2000)
        }
        let candidates = try Programs.run("pgrep", ["-f", "lora-worker --model .* --out \(out) "])
            .output.split(separator: "\n").compactMap { Int32($0) }
        let victim = try #require(
            try candidates.first { process in
                let environment = try Data(
                    contentsOf: URL(fileURLWithPath: "/proc/\(process)/environ"))
                return String(decoding: environment, as: UTF8.self)
                    .split(separator: "\0").contains("OMPI_COMM_WORLD_RANK=\(rank)")
            })
        try #require(kill(victim, SIGSTOP) == 0)
        return (job, victim)
    }

    /// Waits until a process is gone, or dead and not yet taken note of by its parent: it was killed
    /// before mpirun ended, and a busy machine takes its time to do that.
    private func isGone(_ process: Int32) -> Bool {
        for _ in 0..<600 {
            let state = (try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8))
                .map { $0.split(separator: " ").dropFirst(2).prefix(1) }
            if state == nil || state == ["Z"] { return true }
            usleep(100_000)
        }
        return false
    }

    @Test(.timeLimit(.minutes(10)), arguments: [0, 1])
    func isGivenUpAndTheRunContinues(rank: Int) throws {
        try Programs.withScratchFolder { scratch in
            let out = scratch + "/run"
            let (job, victim) = try stopARank(
                rank, out: out, timeoutSeconds: 1.5, scratch: scratch)
            job.waitUntilExit()
            let outcome = try Programs.outcome(of: job, scratch: scratch)
            #expect(outcome.exitCode == 75, "\(outcome.errors)")
            #expect(outcome.errors.contains("not all ranks have answered within 1.5 s"))
            #expect(isGone(victim), "the stopped rank is still there")

            let arguments = TrainingRunFixture.arguments(out: out, Self.length)
            let again = try Programs.mpirun(ranks: 3, arguments)
            #expect(again.exitCode == 0, "\(again.errors)")
            let reference = scratch + "/reference"
            let whole = try Programs.mpirun(
                ranks: 1, TrainingRunFixture.arguments(out: reference, Self.length))
            #expect(whole.exitCode == 0)
            #expect(
                try TrainingRunFixture.weights(of: out)
                    == TrainingRunFixture.weights(of: reference))
        }
    }

    /// Slow is not gone: a rank that comes back within the limit disturbs nobody.
    @Test(.timeLimit(.minutes(10)))
    func aShortStopIsWaitedFor() throws {
        try Programs.withScratchFolder { scratch in
            let out = scratch + "/run"
            let (job, victim) = try stopARank(1, out: out, timeoutSeconds: 60, scratch: scratch)
            usleep(1_500_000)
            try #require(kill(victim, SIGCONT) == 0)
            job.waitUntilExit()
            let outcome = try Programs.outcome(of: job, scratch: scratch)
            #expect(outcome.exitCode == 0, "\(outcome.errors)")
        }
    }
}
