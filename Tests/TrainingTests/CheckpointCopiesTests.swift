import Foundation
import TestSupport
import Testing

/// Two ranks that do not see each other's `--out`, as on two hosts without shared storage.
@Suite(.serialized) struct CheckpointCopiesTests {
    private static let length = ["--epochs", "20", "--checkpoint-every", "5"]

    private func arguments(_ out: String, _ more: [String] = []) -> [String] {
        TrainingRunFixture.arguments(out: out, Self.length + more)
    }

    /// `mpirun` with a folder of its own for each rank.
    private func mpirun(_ outs: [String], _ more: [String] = []) -> [String] {
        let jobs = outs.map {
            ["-n", "1", Programs.folder + "/lora-worker"] + arguments($0, more)
        }
        return ["--oversubscribe"] + jobs.joined(separator: [":"])
    }

    private func copies(_ out: String) throws -> [String] {
        let hosts = try FileManager.default.contentsOfDirectory(atPath: out + "/copies")
        let host = try #require(hosts.first)
        return try FileManager.default.contentsOfDirectory(
            atPath: "\(out)/copies/\(host)/checkpoints"
        ).sorted()
    }

    /// Starts a job and asks it to stop before `step`: the last step before is durable on all hosts.
    private func stopped(_ outs: [String], before step: Int, scratch: String) throws {
        let job = try SelfStoppingJob(
            "mpirun", mpirun(outs), rank: 0, step: step, scratch: scratch + "/stopped")
        job.send(SIGTERM)
        job.send(SIGCONT)
        let outcome = try job.outcome()
        try #require(outcome.exitCode == 75, "\(outcome.errors)")
        #expect(outcome.errors.contains("the checkpoint of step \(step - 1) is durable"))
    }

    /// Starts a job that dies when it comes to `step`.
    private func killed(_ outs: [String], at step: Int) throws {
        let outcome = try Programs.run(
            "env", ["LORA_INJECT_FAULT=kill:0:\(step)", "mpirun"] + mpirun(outs))
        try #require(outcome.exitCode != 0, "the job was not killed")
    }

    /// Two hosts that have step 33, and after it nobody knows what: a crash at step 50.
    private func crashed(_ outs: [String], scratch: String) throws {
        try stopped(outs, before: 34, scratch: scratch)
        try killed(outs, at: 50)
    }

    private func reference(_ scratch: String) throws -> String {
        let out = scratch + "/reference"
        let run = try Programs.mpirun(ranks: 1, arguments(out))
        try #require(run.exitCode == 0, "\(run.errors)")
        return out
    }

    private func expectSame(_ out: String, _ reference: String) throws {
        #expect(
            try TrainingRunFixture.weights(of: out) == TrainingRunFixture.weights(of: reference))
        // Each step stands once in the record, with the same loss.
        #expect(try TrainingRunFixture.steps(of: out) == Array(1...120))
        for (mine, theirs) in zip(
            try TrainingRunFixture.metrics(of: out, kind: "step"),
            try TrainingRunFixture.metrics(of: reference, kind: "step"))
        {
            #expect(mine["loss"] as? Double == theirs["loss"] as? Double)
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func theLossOfRank0sFolderLosesNothing() throws {
        try Programs.withScratchFolder { scratch in
            let (first, second) = (scratch + "/first", scratch + "/second")
            try crashed([first, second], scratch: scratch)
            #expect(try copies(second).contains { $0 >= "step-00000033" })
            try FileManager.default.removeItem(atPath: first)
            // The host that kept copies is the only one that is left.
            let again = try Programs.mpirun(ranks: 1, arguments(second))
            #expect(again.exitCode == 0, "\(again.errors)")
            #expect(again.errors.contains("goes on from the copy of step"), "\(again.errors)")
            try expectSame(second, reference(scratch))
            // The first host is back, with nothing: the finished state is brought to it.
            let third = try Programs.run("mpirun", mpirun([first, second]))
            #expect(third.exitCode == 0, "\(third.errors)")
            #expect(
                try TrainingRunFixture.weights(of: first)
                    == TrainingRunFixture.weights(of: second))
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func theNewestStateOfAllHostsIsUsed() throws {
        try Programs.withScratchFolder { scratch in
            let (first, second) = (scratch + "/first", scratch + "/second")
            try crashed([first, second], scratch: scratch)
            // The second host goes on alone for a while; then the first is back, with older ones.
            try stopped([second], before: 90, scratch: scratch)
            try killed([second], at: 97)
            let both = try Programs.run("mpirun", mpirun([first, second]))
            #expect(both.exitCode == 0, "\(both.errors)")
            #expect(both.errors.contains("goes on from the copy of step"), "\(both.errors)")
            try expectSame(first, reference(scratch))
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func aCopyReplacesDamagedCheckpoints() throws {
        try Programs.withScratchFolder { scratch in
            let (first, second) = (scratch + "/first", scratch + "/second")
            try crashed([first, second], scratch: scratch)
            let folder = first + "/checkpoints"
            for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
                try Data("no".utf8).write(
                    to: URL(fileURLWithPath: "\(folder)/\(name)/first_moment.safetensors"))
            }
            let alone = try Programs.mpirun(ranks: 1, arguments(first))
            #expect(alone.exitCode == 78, "\(alone.errors)")
            let both = try Programs.run("mpirun", mpirun([first, second]))
            #expect(both.exitCode == 0, "\(both.errors)")
            try expectSame(first, reference(scratch))
        }
    }

    /// Where all ranks see one folder there is nothing to copy.
    @Test(.timeLimit(.minutes(10)))
    func sharedStorageGetsNone() throws {
        try Programs.withScratchFolder { scratch in
            let out = scratch + "/run"
            let run = try Programs.mpirun(ranks: 2, TrainingRunFixture.arguments(out: out))
            #expect(run.exitCode == 0, "\(run.errors)")
            #expect(!FileManager.default.fileExists(atPath: out + "/copies"))
            let separate = [scratch + "/a", scratch + "/b"]
            let one = try Programs.run("mpirun", mpirun(separate, ["--checkpoint-copies", "1"]))
            #expect(one.exitCode == 0, "\(one.errors)")
            #expect(!FileManager.default.fileExists(atPath: separate[1]))
        }
    }
}
