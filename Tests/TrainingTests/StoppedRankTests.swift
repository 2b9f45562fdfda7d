import Foundation
import TestSupport
import Testing

/// A rank that is stopped but not dead: mpirun never notices, the other ranks do.
@Suite(.serialized) struct StoppedRankTests {
    private static let length = ["--epochs", "10", "--checkpoint-every", "25"]

    /// Starts a job on two ranks, of which one stops before step 31.
    private func stopARank(
        _ rank: Int, out: String, timeoutSeconds: Double, scratch: String
    ) throws -> SelfStoppingJob {
        try SelfStoppingJob(
            "mpirun",
            Programs.mpirunArguments(
                ranks: 2,
                TrainingRunFixture.arguments(
                    out: out, Self.length + ["--collective-timeout", "\(timeoutSeconds)"])),
            rank: rank, step: 31, scratch: scratch)
    }

    @Test(.timeLimit(.minutes(10)), arguments: [0, 1])
    func isGivenUpAndTheRunContinues(rank: Int) throws {
        try Programs.withScratchFolder { scratch in
            let out = scratch + "/run"
            let job = try stopARank(rank, out: out, timeoutSeconds: 4.5, scratch: scratch)
            let outcome = try job.outcome()
            #expect(outcome.exitCode == 75, "\(outcome.errors)")
            #expect(outcome.errors.contains("not all ranks have answered within 4.5 s"))
            // Killed before mpirun ended; its parent may take note of that later.
            try waitUntil("the end of the stopped rank") {
                [nil, "Z"].contains(SelfStoppingJob.state(of: job.stopped))
            }

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
            let job = try stopARank(1, out: out, timeoutSeconds: 300, scratch: scratch)
            usleep(1_500_000)
            job.send(SIGCONT)
            let outcome = try job.outcome()
            #expect(outcome.exitCode == 0, "\(outcome.errors)")
            #expect(try TrainingRunFixture.steps(of: out) == Array(1...60))
        }
    }
}
