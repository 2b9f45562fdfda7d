import Faults
import Foundation
import Optimization
import RunSettings
import Slices
import TestSupport
import Testing

@Suite struct RunConfigurationTests {
    private static let least = ["model": "m", "data": "d", "out": "o"]

    /// The defaults that the README promises.
    @Test func defaults() throws {
        let run = try RunConfiguration(SettingValues(Self.least))
        #expect(run.learningRate == 2e-4 && run.clipNorm == 1 && run.warmupSteps == 0)
        #expect(run.adam.beta1 == 0.9 && run.adam.beta2 == 0.999)
        #expect(run.adam.epsilon == 1e-8 && run.adam.weightDecay == 0)
        #expect(
            run.batchSize == 16 && run.sliceRule.sliceSize == 4 && run.sliceRule.sharesPrefixes
                && run.seed == 0)
        #expect(run.schedule == .linear && run.order == .shuffled && run.duration == .epochs(1))
        #expect(run.checkpointEvery == 50 && run.keep == 3 && run.resume == .auto)
        #expect(run.evalEvery == nil && run.threads == nil && run.maxLength == nil)
    }

    @Test(arguments: [
        ("rank", "0"), ("rank", "8.5"), ("batch-size", "-1"), ("lr", "0"), ("lr", "nan"),
        ("beta1", "1"), ("epsilon", "0"), ("schedule", "auto"), ("order", "random"),
        ("resume", "maybe"), ("skip-bad-lines", "perhaps"), ("steps", "0"), ("seed", "-1"),
        ("clip-norm", "-1"), ("keep", "0"), ("max-length", "1"), ("bach-size", "4"),
        ("share-prefixes", "maybe"),
    ])
    func wrongValuesAreNamed(name: String, value: String) throws {
        let settings = Self.least.merging([name: value]) { $1 }
        let error = try #require(throws: ConfigurationError.self) {
            try RunConfiguration(SettingValues(settings))
        }
        #expect(error.description.contains(name) && error.exitCode == .badInput)
    }

    @Test(arguments: ["model", "data", "out"])
    func whatIsNeeded(name: String) {
        var settings = Self.least
        settings[name] = nil
        #expect(throws: ConfigurationError.self) { try RunConfiguration(SettingValues(settings)) }
    }

    private func settings(yaml: String) throws -> [String: String] {
        try Programs.withScratchFolder { scratch in
            let path = scratch + "/run.yaml"
            try Data(yaml.utf8).write(to: URL(fileURLWithPath: path))
            return try SettingsFile(path: path).values
        }
    }

    @Test func yaml() throws {
        let found = try settings(
            yaml: """
                # a comment
                model: "models/a b"
                targets: [q_proj, v_proj]
                lr: 1e-3
                batch_size: 32
                skip-bad-lines: true
                eval-data: null
                """)
        #expect(
            found == [
                "model": "models/a b", "targets": "q_proj,v_proj", "lr": "1e-3",
                "batch-size": "32", "skip-bad-lines": "true",
            ])
    }

    @Test(arguments: ["- a\n- b\n", "lr: {a: 1}\n", "lr: [1\n", "? [a]\n: b\n"])
    func brokenYAML(text: String) {
        #expect(throws: ConfigurationError.self) { try settings(yaml: text) }
    }

    /// What is written as run.yaml reads back as the same settings.
    @Test func yamlRoundTrip() throws {
        let written = [
            (name: "model", value: "a: b # \"c\"\\ d\n"), (name: "lr", value: "0.0002"),
            (name: "out", value: "-"), (name: "data", value: "ünïcode/%.jsonl"),
        ]
        let found = try settings(yaml: SettingValues.yaml(written))
        #expect(found == Dictionary(uniqueKeysWithValues: written.map { ($0.name, $0.value) }))
    }
}
