import Foundation
import TestSupport
import Testing

/// Each mistake ends within seconds with exit code 78 and one line that names it, on any ranks.
@Suite(.serialized) struct BadInputTests {
    private func expectRefusal(
        _ arguments: [String], naming words: [String], ranks: Int = 2,
        location: SourceLocation = #_sourceLocation
    ) throws {
        let outcome = try Programs.mpirun(ranks: ranks, arguments)
        #expect(outcome.exitCode == 78, "\(outcome.errors)", sourceLocation: location)
        let lines = outcome.errors.split(separator: "\n").filter { $0.contains("error: ") }
        #expect(lines.count == 1, "\(outcome.errors)", sourceLocation: location)
        for word in words {
            #expect(
                lines.first?.contains(word) ?? false, "'\(word)' is not in: \(outcome.errors)",
                sourceLocation: location)
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func values() throws {
        try Programs.withScratchFolder { scratch in
            let out = scratch + "/run"
            for (flag, value, word) in [
                ("rank", "0", "--rank"), ("lr", "fast", "--lr"), ("beta2", "1", "--beta2"),
                ("schedule", "step", "--schedule"), ("targets", "nothing_proj", "nothing_proj"),
                ("max-length", "1000000", "--max-length"), ("kernels", "sse9", "--kernels"),
                ("collector", "nowhere", "--collector"), ("lr", "-1", "--lr"),
                ("rank", "100000000000", "--rank"), ("alpha", "1e300", "alpha"),
                ("epsilon", "1e-60", "--epsilon"), ("allow-change", "speed", "speed"),
                ("lr", "1e38", "not finite"),
            ] {
                try expectRefusal(
                    TrainingRunFixture.arguments(out: out, ["--\(flag)", value]), naming: [word])
            }
            try expectRefusal(
                TrainingRunFixture.arguments(out: out, ["--steps", "3"]), naming: ["--steps"])
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func files() throws {
        try Programs.withScratchFolder { scratch in
            let model = TrainingRunFixture.model
            func arguments(_ changes: [String: String]) -> [String] {
                let base = [
                    "--model": model, "--data": model + "/train.jsonl", "--out": scratch + "/run",
                ]
                return base.merging(changes) { $1 }.sorted { $0.key < $1.key }
                    .flatMap { [$0.key, $0.value] }
            }
            func file(_ name: String, _ text: String) throws -> String {
                try Data(text.utf8).write(to: URL(fileURLWithPath: "\(scratch)/\(name)"))
                return "\(scratch)/\(name)"
            }
            try expectRefusal(
                arguments(["--model": scratch + "/missing"]), naming: [scratch + "/missing"])
            try expectRefusal(
                arguments(["--data": try file("empty.jsonl", "")]), naming: ["empty.jsonl"])
            let good = #"{"instruction":"a","output":"b"}"#
            try expectRefusal(
                arguments(["--data": try file("bad.jsonl", good + "\n{oops\n")]),
                naming: ["bad.jsonl:2"])
            try expectRefusal(
                arguments(["--data": try file("keys.jsonl", #"{"question":"a"}"# + "\n")]),
                naming: ["keys.jsonl:1"])
            // A model cut short, and one of another family.
            let copy = scratch + "/model"
            try FileManager.default.copyItem(atPath: model, toPath: copy)
            let weights = URL(fileURLWithPath: copy + "/model.safetensors")
            let bytes = try Data(contentsOf: weights)
            try bytes.dropLast(1).write(to: weights)
            try expectRefusal(arguments(["--model": copy]), naming: ["model.safetensors"])
            try bytes.write(to: weights)
            let configuration = URL(fileURLWithPath: copy + "/config.json")
            let text = try String(contentsOf: configuration, encoding: .utf8)
            try Data(text.replacingOccurrences(of: "\"llama\"", with: "\"mamba\"").utf8)
                .write(to: configuration)
            try expectRefusal(arguments(["--model": copy]), naming: ["mamba", "supported"])
            // Somebody's folder is not touched.
            let folder = scratch + "/precious"
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true)
            _ = try file("precious/thesis.txt", "draft")
            try expectRefusal(arguments(["--out": folder]), naming: ["precious", "thesis.txt"])
            #expect(
                try FileManager.default.contentsOfDirectory(atPath: folder) == ["thesis.txt"])
            // --skip-bad-lines goes on, and says how many.
            let mixed = try file("mixed.jsonl", good + "\n{oops\n" + good + "\n")
            let outcome = try Programs.mpirun(
                ranks: 2, arguments(["--data": mixed]) + ["--skip-bad-lines"])
            #expect(outcome.exitCode == 0, "\(outcome.errors)")
            #expect(outcome.errors.contains("1 bad line"), "\(outcome.errors)")
        }
    }

    /// A tokenizer that knows more tokens than the model has rows, which are 512: a token that is next to
    /// them is found in the data; one whose id is not the next is refused where it is declared.
    @Test(
        .timeLimit(.minutes(10)),
        arguments: [
            (512, ["data.jsonl", "token 512", "ends at 511"]),
            (5000, ["tokenizer.json", "added_tokens[2]", "'<new>'", "id 5000", "gives it 512"]),
        ])
    func tokenBeyondTheVocabulary(id: Int, words: [String]) throws {
        try Programs.withScratchFolder { scratch in
            let copy = scratch + "/model"
            try FileManager.default.copyItem(atPath: TrainingRunFixture.model, toPath: copy)
            let path = URL(fileURLWithPath: copy + "/tokenizer.json")
            let text = try String(contentsOf: path, encoding: .utf8)
            var tokenizer = try #require(
                try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
            var added = try #require(tokenizer["added_tokens"] as? [[String: Any]])
            added.append([
                "id": id, "content": "<new>", "single_word": false, "lstrip": false,
                "rstrip": false, "normalized": false, "special": true,
            ])
            tokenizer["added_tokens"] = added
            try JSONSerialization.data(withJSONObject: tokenizer).write(to: path)
            let data = scratch + "/data.jsonl"
            try Data(#"{"prompt":"a <new> b","completion":"c"}"#.utf8)
                .write(to: URL(fileURLWithPath: data))
            try expectRefusal(
                ["--model", copy, "--data", data, "--out", scratch + "/run"],
                naming: words)
        }
    }

    /// Rank 1 reads other data than rank 0: through a link that each rank resolves for itself.
    @Test(.timeLimit(.minutes(10)))
    func ranksThatSeeDifferentFiles() throws {
        try Programs.withScratchFolder { scratch in
            let model = TrainingRunFixture.model
            let arguments = [
                "--model", model, "--data", scratch + "/data-$OMPI_COMM_WORLD_RANK.jsonl", "--out",
                scratch + "/run",
            ]
            let rows = try String(contentsOfFile: model + "/train.jsonl", encoding: .utf8)
            for (rank, text) in [rows, rows + rows].enumerated() {
                try Data(text.utf8).write(
                    to: URL(fileURLWithPath: "\(scratch)/data-\(rank).jsonl"))
            }
            let command = ([Programs.folder + "/lora-worker"] + arguments).joined(separator: " ")
            let outcome = try Programs.run(
                "mpirun", ["--oversubscribe", "-n", "2", "sh", "-c", command])
            #expect(outcome.exitCode == 78, "\(outcome.errors)")
            #expect(outcome.errors.contains("--data on rank 1 differs"), "\(outcome.errors)")
        }
    }

    /// An unknown flag is the command line's fault, not the run's.
    @Test func unknownFlag() throws {
        let outcome = try Programs.run(Programs.folder + "/lora-worker", ["--bach-size", "3"])
        #expect(outcome.exitCode == 64)
        #expect(outcome.errors.contains("--batch-size"), "\(outcome.errors)")
    }
}
