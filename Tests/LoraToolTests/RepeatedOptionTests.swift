import TestSupport
import Testing

/// An option that takes one value and is given two.
@Suite struct RepeatedOptionTests {
    @Test(arguments: [
        ("lora-worker", ["--json-lines", "a", "--json-lines", "b"], "--json-lines", "a, b"),
        ("lora-worker", ["--steps=3", "--lr", "-1", "--steps", "4"], "--steps", "3, 4"),
        ("lora", ["runs", "--store", "a", "--json", "--store", "b"], "--store", "a, b"),
        ("lora", ["runs", "show", "x", "--store", "a", "--store", "a"], "--store", "a, a"),
        ("lora", ["launch", "-n", "2", "--ranks", "4", "--", "true"], "--ranks", "2, 4"),
        ("lora", ["data", "--format", "text", "--format", "chat"], "--format", "text, chat"),
    ])
    func isRefusedByName(
        _ program: String, _ arguments: [String], _ name: String, _ values: String
    ) throws {
        let outcome = try Programs.run(Programs.folder + "/" + program, arguments)
        #expect(outcome.exitCode == 78)
        #expect(
            outcome.errors
                == "error: \(name): is given 2 times (\(values)). It takes one value: leave the others out\n"
        )
    }

    @Test(arguments: [
        ("lora-worker", ["--data", "a", "--data", "b"], "Several files are given as --data a,b"),
        (
            "lora-worker", ["--targets=q", "--targets", "v"],
            "Several names are given as --targets a,b"
        ),
        ("lora", ["plan", "--data", "a", "--data", "b"], "Several files are given as --data a,b"),
        // It measures one file.
        (
            "lora", ["eval", "--data", "a", "--data", "b"],
            "It takes one value: leave the others out"
        ),
    ])
    func saysHowSeveralAreGiven(_ program: String, _ arguments: [String], _ hint: String) throws {
        let outcome = try Programs.run(Programs.folder + "/" + program, arguments)
        #expect(outcome.exitCode == 78)
        #expect(outcome.errors.hasSuffix("). \(hint)\n"), "\(outcome.errors)")
    }

    /// Options that take several values, flags, values that look like options, and what is another program's.
    @Test(arguments: [
        ["launch", "--print", "-n", "2", "--", "lora-worker", "--out", "x", "--out", "y"],
        [
            "launch", "--print", "-n", "2", "--mpirun-argument", "--oversubscribe",
            "--mpirun-argument", "--oversubscribe", "--", "lora-worker", "--out", "x",
        ],
        ["launch", "--print", "--print", "-n", "2", "--", "lora-worker", "--out", "x"],
    ])
    func isNotWhatMayStandTwice(_ arguments: [String]) throws {
        let outcome = try Programs.run(Programs.folder + "/lora", arguments)
        #expect(outcome.exitCode == 0, "\(outcome.errors)")
    }
}
