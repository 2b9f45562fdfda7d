import Foundation
import TestSupport
import Testing

/// One run, one adapter: whatever the ranks, the lanes, and the crashes.
@Suite(.serialized) struct SameBytesTests {
    @Test(.timeLimit(.minutes(10)))
    func anyRanksAndLanes() throws {
        try Programs.withScratchFolder { scratch in
            var first: Data?
            for ranks in [1, 2, 3, 5] {
                for lanes in [1, 2] {
                    let out = "\(scratch)/\(ranks)-\(lanes)"
                    let outcome = try Programs.mpirun(
                        ranks: ranks,
                        TrainingRunFixture.arguments(
                            out: out,
                            [
                                "--threads", "\(lanes)",
                                "--recompute", lanes == 2 ? "on" : "off",
                            ]))
                    #expect(outcome.exitCode == 0, "\(outcome.errors)")
                    let weights = try TrainingRunFixture.weights(of: out)
                    #expect(weights == first ?? weights, "\(ranks) ranks, \(lanes) lanes")
                    first = first ?? weights
                }
            }
            // The comparison can fail: another seed gives other bytes.
            let other = scratch + "/other"
            _ = try Programs.mpirun(
                ranks: 1, TrainingRunFixture.arguments(out: other, ["--seed", "1"]))
            #expect(try TrainingRunFixture.weights(of: other) != first)
        }
    }

    /// Three SIGKILLs at random moments, each time another rank and another number of ranks.
    @Test(.timeLimit(.minutes(10)))
    func afterThreeKills() throws {
        try Programs.withScratchFolder { scratch in
            let length = ["--epochs", "120", "--checkpoint-every", "7"]
            let reference = scratch + "/reference"
            let whole = try Programs.mpirun(
                ranks: 2, TrainingRunFixture.arguments(out: reference, length))
            #expect(whole.exitCode == 0, "\(whole.errors)")

            let out = scratch + "/killed"
            let arguments = TrainingRunFixture.arguments(out: out, length)
            for (round, ranks) in [3, 1, 2].enumerated() {
                try killOnce(
                    arguments, ranks: ranks, afterStep: 20 + 200 * round, out: out, scratch)
            }
            let last = try Programs.mpirun(ranks: 5, arguments)
            #expect(last.exitCode == 0, "\(last.errors)")
            #expect(
                try TrainingRunFixture.weights(of: out)
                    == TrainingRunFixture.weights(of: reference))
            // Each step stands once, in order, with the undisturbed run's loss.
            #expect(try TrainingRunFixture.steps(of: out) == Array(1...720))
            let losses = { (path: String) in
                try TrainingRunFixture.metrics(of: path, kind: "step").map { $0["loss"] as? Double }
            }
            #expect(try losses(out) == losses(reference))
            #expect(try TrainingRunFixture.metrics(of: out, kind: "resumed").isEmpty == false)
        }
    }

    /// Starts the job and kills one of its ranks at a random moment after `afterStep`.
    private func killOnce(
        _ arguments: [String], ranks: Int, afterStep: Int, out: String, _ scratch: String
    ) throws {
        let process = try Programs.start(
            "mpirun", Programs.mpirunArguments(ranks: ranks, arguments), scratch: scratch)
        while process.isRunning {
            let done = (try? TrainingRunFixture.steps(of: out).last) ?? 0
            if done >= afterStep { break }
            usleep(2000)
        }
        usleep(UInt32.random(in: 0..<30_000))
        let victims = try Programs.run("pgrep", ["-f", "lora-worker --model .* --out \(out) "])
            .output.split(separator: "\n").compactMap { Int32($0) }
            .filter { $0 != process.processIdentifier && isWorker($0) }
        #expect(!victims.isEmpty, "the job was over before it could be killed")
        if let victim = victims.randomElement() { kill(victim, SIGKILL) }
        process.waitUntilExit()
        #expect(process.terminationStatus != 0)
    }

    /// Whether a process is a rank and not `mpirun` itself, whose command line looks alike.
    private func isWorker(_ process: Int32) -> Bool {
        let path = try? FileManager.default.destinationOfSymbolicLink(
            atPath: "/proc/\(process)/exe")
        return path?.hasSuffix("/lora-worker") ?? false
    }
}
