import Foundation
import TestSupport
import Testing

/// SIGTERM and SIGUSR1 save within the current step and ask to be started again.
@Suite(.serialized) struct StopSignalTests {
    @Test(.timeLimit(.minutes(10)), arguments: [SIGTERM, SIGUSR1])
    func savesAndContinues(signal: Int32) throws {
        try Programs.withScratchFolder { scratch in
            let length = ["--epochs", "10", "--checkpoint-every", "100000"]
            let out = scratch + "/run"
            let arguments = TrainingRunFixture.arguments(out: out, length)
            let job = try SelfStoppingJob(
                Programs.folder + "/lora-worker", arguments, rank: 0, step: 21, scratch: scratch)
            job.send(signal)
            job.send(SIGCONT)
            let outcome = try job.outcome()
            #expect(outcome.exitCode == 75, "\(outcome.errors)")
            #expect(try TrainingRunFixture.steps(of: out).last == 20)
            let saved = try #require(
                try TrainingRunFixture.metrics(of: out, kind: "checkpoint").last)
            #expect(saved["step"] as? Int == 20)

            #expect(try Programs.mpirun(ranks: 2, arguments).exitCode == 0)
            let reference = scratch + "/reference"
            let whole = try Programs.mpirun(
                ranks: 1, TrainingRunFixture.arguments(out: reference, length))
            #expect(whole.exitCode == 0)
            #expect(
                try TrainingRunFixture.weights(of: out)
                    == TrainingRunFixture.weights(of: reference))
        }
    }
}
