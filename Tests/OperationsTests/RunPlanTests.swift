import Foundation
import Operations
import TestSupport
import Testing

/// Plans of runs on a generated model, held against real `mpirun` jobs.
@Suite(.serialized, .timeLimit(.minutes(10))) struct RunPlanTests {
    /// Within a tenth, for ranks, lanes, batches and targets: two ranks share the weights, and of
    /// eight ranks only four have slices.
    @Test func memoryIsWithinATenthOfWhatTheRunUses() throws {
        try Programs.withScratchFolder { scratch in
            let model = scratch + "/model"
            try GeneratedModel.write(to: model)
            let data = Programs.fixture("tiny-llama") + "/train.jsonl"
            let common = ["--model", model, "--data", data, "--steps", "4"]
            let cases: [(ranks: Int, flags: [String])] = [
                (1, ["--threads", "2"]), (2, ["--threads", "1"]), (8, ["--threads", "1"]),
                (2, ["--threads", "1", "--batch-size", "32", "--slice-size", "8"]),
                (1, ["--threads", "1", "--targets", "all-linear", "--rank", "64"]),
            ]
            for (ranks, flags) in cases {
                let plan = try plan(common + flags + ["--ranks", "\(ranks)", "--calibrate", "0"])
                let run = try WorkerRun(
                    program: Programs.folder + "/lora-worker", ranks: ranks,
                    arguments: common + flags, environment: Programs.environment)
                let predicted = try #require(plan["node_bytes"])
                let used = Double(run.peakNodeBytes)
                let ratio = predicted / used
                #expect(abs(ratio - 1) <= 0.1, "\(ranks) ranks \(flags): \(predicted) of \(used)")
                #expect(run.steps.count == 4)
            }
        }
    }

    /// Eight ranks map one copy of the weights.
    @Test func ranksOfANodeShareTheWeights() throws {
        try Programs.withScratchFolder { scratch in
            let model = scratch + "/model"
            try GeneratedModel.write(to: model)
            let data = Programs.fixture("tiny-llama") + "/train.jsonl"
            let used = try [1, 8].map { ranks in
                try WorkerRun(
                    program: Programs.folder + "/lora-worker", ranks: ranks,
                    arguments: [
                        "--model", model, "--data", data, "--steps", "30", "--threads", "1",
                    ],
                    environment: Programs.environment, modelPath: model + "/model.safetensors"
                ).peakModelBytes
            }
            #expect(used[0] > 30 << 20, "\(used)")
            #expect(Double(used[1]) < 1.3 * Double(used[0]), "\(used)")
        }
    }

    @Test func bytesOfTheRunAreThoseOfItsFiles() throws {
        try Programs.withScratchFolder { scratch in
            let model = Programs.fixture("tiny-llama")
            let flags = [
                "--model", model, "--data", model + "/train.jsonl", "--steps", "2", "--targets",
                "q_proj,down_proj", "--rank", "4",
            ]
            let plan = try plan(flags + ["--calibrate", "0.1"])
            let outcome = try Programs.run(
                Programs.folder + "/lora-worker", flags + ["--out", scratch + "/run"])
            try #require(outcome.exitCode == 0, "\(outcome.errors)")
            let file = scratch + "/run/adapter/adapter_model.safetensors"
            let size = try Data(contentsOf: URL(fileURLWithPath: file)).count
            #expect(plan["adapter_bytes"] == Double(size))
            // 3 layers of 4·(64 + 64) and 4·(112 + 64).
            #expect(plan["trainable_parameters"] == Double(3 * 4 * (128 + 176)))
            #expect(plan["reduced_bytes_per_step"] == Double(8 * 3 * 4 * (128 + 176)))
            #expect(try #require(plan["step_seconds"]) > 0)
        }
    }

    @Test(arguments: [
        (["--ranks", "0"], "--ranks"), (["--ranks", "x"], "--ranks"),
        (["--calibrate", "-1"], "--calibrate"), (["--rank", "0"], "--rank"),
        (["--targets", "z"], "--targets"), (["--shape", "gpt2"], "--shape"),
        (["--batch-size", "0"], "--batch-size"), (["--cores-per-node", "-3"], "--cores-per-node"),
    ])
    func wrongValuesAreNamed(_ flags: [String], _ name: String) throws {
        let model = Programs.fixture("tiny-llama")
        let outcome = try Programs.run(
            Programs.folder + "/lora",
            ["plan", "--model", model, "--data", model + "/train.jsonl"] + flags)
        #expect(outcome.exitCode == 78)
        #expect(outcome.errors.hasPrefix("error: ") && outcome.errors.contains(name))
        #expect(outcome.output.isEmpty)
    }

    private func plan(_ flags: [String]) throws -> [String: Double] {
        let outcome = try Programs.run(
            Programs.folder + "/lora", ["plan", "--json"] + flags)
        try #require(outcome.exitCode == 0, "\(outcome.errors)")
        let object = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8))
        return try #require(object as? [String: Any]).compactMapValues { $0 as? Double }
    }
}
