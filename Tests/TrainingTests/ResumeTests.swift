import Foundation
import TestSupport
import Testing

/// The same command line continues; anything else is refused by name.
@Suite(.serialized) struct ResumeTests {
    private func run(_ out: String, ranks: Int = 1, _ more: [String] = []) throws
        -> Programs.Outcome
    {
        try Programs.mpirun(ranks: ranks, TrainingRunFixture.arguments(out: out, more))
    }

    /// Every file below `folder` with its content and its time of change, but for the two that say
    /// which job had the folder last: whoever takes the lock writes itself into it, so that a job that
    /// finds it taken can name its holder.
    private func snapshot(_ folder: String) throws -> [String: [AnyHashable]] {
        let names = try FileManager.default.subpathsOfDirectory(atPath: folder)
            .filter { ![".lease", ".lock"].contains($0) }
        return try Dictionary(
            uniqueKeysWithValues: names.map { name in
                let path = folder + "/" + name
                let attributes = try FileManager.default.attributesOfItem(atPath: path)
                let date = try #require(attributes[.modificationDate] as? Date)
                return (name, [date, FileManager.default.contents(atPath: path)])
            })
    }

    @Test(.timeLimit(.minutes(10)))
    func finishedRunIsLeftAlone() throws {
        try Programs.withScratchFolder { scratch in
            let out = scratch + "/run"
            #expect(try run(out).exitCode == 0)
            let before = try snapshot(out)
            let again = try run(out, ranks: 2)
            #expect(again.exitCode == 0)
            #expect(again.output.contains("finished"))
            #expect(try snapshot(out) == before)
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func changesAreRefusedByName() throws {
        try Programs.withScratchFolder { scratch in
            let out = scratch + "/run"
            #expect(try run(out).exitCode == 0)
            let before = try snapshot(out)
            for (flag, value) in [
                ("lr", "1e-3"), ("rank", "4"), ("targets", "q_proj"), ("seed", "3"),
                ("slice-size", "2"), ("share-prefixes", "off"), ("schedule", "cosine"),
            ] {
                let outcome = try run(out, ["--\(flag)", value])
                #expect(outcome.exitCode == 78)
                #expect(outcome.errors.contains("--allow-change \(flag)"), "\(outcome.errors)")
            }
            let never = try run(out, ["--resume", "never"])
            #expect(never.exitCode == 78)
            #expect(try snapshot(out) == before)
            // What may change freely: nothing of it is asked about.
            let free = try run(
                out,
                [
                    "--threads", "2", "--keep", "5", "--checkpoint-every", "9", "--recompute", "on",
                ])
            #expect(free.exitCode == 0, "\(free.errors)")
        }
    }

    /// A longer run continues from the end; what was allowed is recorded.
    @Test(.timeLimit(.minutes(10)))
    func allowedChangeOfSteps() throws {
        try Programs.withScratchFolder { scratch in
            let out = scratch + "/run"
            let model = TrainingRunFixture.model
            func steps(_ count: Int, _ more: [String] = []) throws -> Programs.Outcome {
                try Programs.mpirun(
                    ranks: 1,
                    [
                        "--model", model, "--data", model + "/train.jsonl", "--out", out,
                        "--batch-size", "8", "--schedule", "constant", "--steps", "\(count)",
                    ] + more)
            }
            #expect(try steps(4).exitCode == 0)
            #expect(try steps(7).exitCode == 78)
            #expect(try steps(7, ["--allow-change", "steps"]).exitCode == 0)
            #expect(try TrainingRunFixture.steps(of: out) == Array(1...7))
            let resumed = try TrainingRunFixture.metrics(of: out, kind: "resumed")
            #expect(resumed.first?["changes"] as? [String] == ["steps: 4 -> 7"])
            #expect(try steps(3, ["--allow-change", "steps"]).exitCode == 78)
        }
    }

    /// A damaged newest checkpoint is named and set aside, and the one before it used; the bytes at
    /// the end are the same. With all of them damaged nothing starts.
    @Test(.timeLimit(.minutes(10)))
    func damagedCheckpoints() throws {
        try Programs.withScratchFolder { scratch in
            let out = scratch + "/run"
            #expect(try run(out).exitCode == 0)
            let weights = try TrainingRunFixture.weights(of: out)
            try FileManager.default.removeItem(atPath: out + "/finished.json")
            let newest = out + "/checkpoints/step-00000012"
            try flipBit(of: newest + "/second_moment.safetensors")
            let outcome = try run(out, ranks: 2)
            #expect(outcome.exitCode == 0, "\(outcome.errors)")
            let warnings = try TrainingRunFixture.metrics(of: out, kind: "warning")
            #expect(
                warnings.contains { ($0["message"] as? String)?.contains("step-00000012") ?? false }
            )
            #expect(try TrainingRunFixture.weights(of: out) == weights)
            #expect(try TrainingRunFixture.steps(of: out) == Array(1...12))

            try FileManager.default.removeItem(atPath: out + "/finished.json")
            for name in try FileManager.default.contentsOfDirectory(atPath: out + "/checkpoints")
            where name.hasPrefix("step-") {
                try flipBit(of: "\(out)/checkpoints/\(name)/adapter_model.safetensors")
            }
            let refused = try run(out)
            #expect(refused.exitCode == 78)
            #expect(refused.errors.contains("step-00000012"), "\(refused.errors)")
        }
    }

    /// While one job writes, another one is turned away, and the first is not disturbed.
    @Test(.timeLimit(.minutes(10)))
    func oneJobAtATime() throws {
        try Programs.withScratchFolder { scratch in
            let out = scratch + "/run"
            let arguments = TrainingRunFixture.arguments(out: out)
            let first = try SelfStoppingJob(
                Programs.folder + "/lora-worker", arguments, rank: 0, step: 2, scratch: scratch)
            let second = try Programs.run(Programs.folder + "/lora-worker", arguments)
            #expect(second.exitCode == 76, "\(second.errors)")
            first.send(SIGCONT)
            let outcome = try first.outcome()
            #expect(outcome.exitCode == 0, "\(outcome.errors)")
            #expect(try TrainingRunFixture.steps(of: out) == Array(1...12))
        }
    }

    private func flipBit(of path: String) throws {
        var data = try Data(contentsOf: URL(fileURLWithPath: path))
        data[data.count / 2] ^= 4
        try data.write(to: URL(fileURLWithPath: path))
    }
}
