import Foundation
import TestSupport
import Testing

/// One run, one adapter: whatever the ranks, the lanes, and the crashes.
///
/// ``TrainingStepTests`` holds the bits for more ranks and lanes, in one process; here the processes
/// are real.
@Suite(.serialized) struct SameBytesTests {
    @Test(.timeLimit(.minutes(10)))
    func anyRanksAndLanes() throws {
        try Programs.withScratchFolder { scratch in
            func run(_ ranks: Int, _ more: [String]) throws -> Data {
                let out = "\(scratch)/\(ranks)"
                let outcome = try Programs.mpirun(
                    ranks: ranks, TrainingRunFixture.arguments(out: out, more))
                #expect(outcome.exitCode == 0, "\(outcome.errors)")
                return try TrainingRunFixture.weights(of: out)
            }
            let alone = try run(1, ["--threads", "1"])
            #expect(try run(3, ["--threads", "2", "--recompute", "on"]) == alone)
        }
    }

    /// Three SIGKILLs, each time of another rank of another number of ranks.
    @Test(.timeLimit(.minutes(10)))
    func afterThreeKills() throws {
        try Programs.withScratchFolder { scratch in
            let length = ["--epochs", "20", "--checkpoint-every", "7"]
            let reference = scratch + "/reference"
            let whole = try Programs.mpirun(
                ranks: 2, TrainingRunFixture.arguments(out: reference, length))
            #expect(whole.exitCode == 0, "\(whole.errors)")

            let out = scratch + "/killed"
            let arguments = TrainingRunFixture.arguments(out: out, length)
            for (ranks, victim, step) in [(3, 2, 20), (1, 0, 57), (2, 1, 101)] {
                let killed = try Programs.mpirun(
                    ranks: ranks, killingRank: victim, atStep: step, arguments)
                #expect(killed.exitCode != 0, "the job was not killed")
                #expect(try TrainingRunFixture.steps(of: out).last ?? 0 < step)
            }
            let last = try Programs.mpirun(ranks: 5, arguments)
            #expect(last.exitCode == 0, "\(last.errors)")
            #expect(
                try TrainingRunFixture.weights(of: out)
                    == TrainingRunFixture.weights(of: reference))
            // Each step stands once, in order, with the undisturbed run's loss.
            #expect(try TrainingRunFixture.steps(of: out) == Array(1...120))
            let losses = { (path: String) in
                try TrainingRunFixture.metrics(of: path, kind: "step").map { $0["loss"] as? Double }
            }
            #expect(try losses(out) == losses(reference))
            #expect(try TrainingRunFixture.metrics(of: out, kind: "resumed").isEmpty == false)
        }
    }
}
