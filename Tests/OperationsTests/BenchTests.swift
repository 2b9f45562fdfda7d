import Foundation
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10))) struct BenchTests {
    private let model = Programs.fixture("tiny-llama")
    private var run: [String] { ["--model", model, "--data", model + "/train.jsonl"] }

    /// Numbers of a benchmark agree with each other; none is compared with a clock.
    @Test func jsonSaysWhatTheTableSays() throws {
        try Programs.withScratchFolder { scratch in
            let file = scratch + "/bench.json"
            let outcome = try Programs.run(
                "env",
                Programs.rootEnvironment + [Programs.folder + "/lora", "bench"] + run
                    + [
                        "--rounds", "1", "--bench-steps", "1", "--ceiling", "--threads", "1",
                        "--ranks", "1,2", "--json", file,
                    ])
            try #require(outcome.exitCode == 0, "\(outcome.errors)")
            for word in ["tokens a second", "of this floor", "low-rank products", "weak scaling"] {
                #expect(outcome.output.contains(word), "\(word)")
            }
            let data = try Data(contentsOf: URL(fileURLWithPath: file))
            let json = try JSONSerialization.jsonObject(with: data)
            let object = try #require(json as? [String: Any])
            func number(_ name: String) throws -> Double {
                let value = object[name] as? Double
                return try #require(value, "\(name)")
            }
            let share = try number("floor_seconds") / number("step_seconds")
            #expect(abs(try number("share_of_floor") - share) < 1e-9)
            let split = try #require(object["split_seconds"] as? [String: Double])
            let sum = split.values.reduce(0, +)
            #expect(abs(sum - (try number("step_seconds"))) < 1e-9)
            // Alpaca prompts begin alike: fewer rows than tokens, fewer targets than rows.
            #expect(try number("computed_tokens_per_second") < number("tokens_per_second"))
            #expect(try number("target_tokens_per_second") < number("computed_tokens_per_second"))
            for name in ["strong_scaling", "weak_scaling"] {
                let rows = try #require(object[name] as? [[String: Double]])
                #expect(rows.compactMap { $0["ranks"] } == [1.0, 2.0])
                #expect(rows[0]["efficiency"] == 1.0)
                #expect(rows.allSatisfy { ($0["proportional_bytes"] ?? 0) > 1e6 })
            }
        }
    }

    @Test(arguments: [
        (["--ranks", "1,x"], "--ranks"), (["--ranks", "0"], "--ranks"),
        (["--ranks", "2,2"], "--ranks"), (["--rounds", "0"], "--rounds"),
        (["--bench-steps", "-1"], "--bench-steps"), (["--slice-size", "0"], "--slice-size"),
    ])
    func wrongValuesAreNamed(_ flags: [String], _ name: String) throws {
        let outcome = try Programs.run(Programs.folder + "/lora", ["bench"] + run + flags)
        #expect(outcome.exitCode == 78)
        #expect(outcome.errors.contains(name), "\(outcome.errors)")
        #expect(outcome.output.isEmpty)
    }
}

extension Programs {
    /// `mpirun` refuses root unless told; `lora bench` leaves that to whoever runs it.
    static let rootEnvironment = [
        "OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1",
    ]
}
