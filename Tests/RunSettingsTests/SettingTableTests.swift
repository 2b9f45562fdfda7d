import Foundation
import RunSettings
import TestSupport
import Testing

/// A setting is declared in ``SettingTable``; flags, help, defaults and `run.yaml` follow from that.
@Suite struct SettingTableTests {
    /// What ArgumentParser tells of a command.
    private struct Described: Decodable {
        let command: Command

        struct Command: Decodable {
            let commandName: String
            let subcommands: [Command]?
            let arguments: [Flag]?
        }

        struct Flag: Decodable {
            let kind: String
            let isRepeating: Bool
            let names: [Name]?
            let abstract: String?
            let valueName: String?
        }

        struct Name: Decodable { let name: String }
    }

    private func flags(_ program: String, _ command: String? = nil) throws -> [String: Described
        .Flag]
    {
        let outcome = try Programs.run(
            Programs.folder + "/" + program, ["--experimental-dump-help"])
        var described = try JSONDecoder().decode(
            Described.self, from: Data(outcome.output.utf8)
        ).command
        if let command {
            described = try #require(
                described.subcommands?.first { $0.commandName == command })
        }
        let pairs = (described.arguments ?? []).compactMap { flag in
            flag.names?.map(\.name).max { $0.count < $1.count }.map { ($0, flag) }
        }
        return Dictionary(uniqueKeysWithValues: pairs)
    }

    private func check(
        _ flags: [String: Described.Flag], have settings: [SettingDescription], of program: String
    ) {
        for setting in settings {
            let flag = flags[setting.name]
            #expect(flag?.abstract == setting.fullHelp, "\(program) --\(setting.name)")
            #expect(flag?.kind == (setting.form.isSwitch ? "flag" : "option"))
            #expect(flag?.isRepeating == setting.form.isRepeatable, "\(setting.name)")
            if !setting.form.isSwitch { #expect(flag?.valueName == setting.valueName) }
        }
    }

    /// Every setting is a flag of `lora-worker`, and every flag is a setting.
    @Test func theWorkersFlagsAreTheTable() throws {
        let flags = try flags("lora-worker")
        check(flags, have: SettingTable.all, of: "lora-worker")
        let others = Set(flags.keys).subtracting(SettingTable.all.map(\.name))
        #expect(others.subtracting(["config", "help", "version", "dump-foreign-settings"]).isEmpty)
    }

    @Test(arguments: [
        ("plan", SettingCommands.plan), ("bench", SettingCommands.plan),
        ("doctor", SettingCommands([.plan, .doctor])), ("eval", SettingCommands.eval),
        ("data", SettingCommands.data),
    ])
    func commandsOfLoraTakeThemFromTheTable(_ name: String, _ command: SettingCommands) throws {
        check(try flags("lora", name), have: SettingTable.all(of: command), of: "lora \(name)")
    }

    /// A value of each setting; those that may not stand beside another are left out.
    private static let examples = [
        "model": "m", "data": "a.jsonl=2, b.jsonl", "held-out": "2%", "out": "runs/1",
        "format": "chat", "template": "chat", "chat-template": "t.jinja",
        "template-set": "enable_thinking=false", "template-date": "2026-11-24", "loss-on": "last",
        "skip-bad-lines": "yes", "max-length": "77", "cache": "c", "init-adapter": "i",
        "targets": "q,v", "rank": "3", "alpha": "7", "lr": "3e-4", "beta1": ".8", "beta2": "0.9",
        "epsilon": "1e-6", "weight-decay": "0.1", "schedule": "cosine", "warmup-steps": "2",
        "clip-norm": "0", "batch-size": "5", "slice-size": "2", "share-prefixes": "no",
        "steps": "9", "order": "sequential", "seed": "11", "threads": "2", "kernels": "avx2",
        "compute": "bfloat16", "recompute": "on", "eval-every": "4", "checkpoint-every": "6",
        "checkpoint-copies": "1", "keep": "2", "resume": "must", "allow-change": "steps",
        "collector": "node1:7700", "collector-token-file": "k", "collector-authority": "system",
        "collector-certificate": "cc", "collector-key": "ck", "tensorboard": "off",
        "prometheus-file": "p.prom", "syslog": "[::1]:514", "json-lines": "-",
        "log-format": "json", "collective-timeout": "12.5",
    ]

    /// What is kept of a run reads back as the same run, whether settings are given or not.
    @Test(arguments: [SettingTableTests.examples, ["model": "m", "data": "d", "out": "o"]])
    func whatIsKeptReadsBack(texts: [String: String]) throws {
        let values = try SettingValues(texts)
        let kept = values.resolved([:])
        let again = try Programs.withScratchFolder { scratch in
            let path = scratch + "/run.yaml"
            try Data(SettingValues.yaml(kept).utf8).write(to: URL(fileURLWithPath: path))
            return try SettingValues(flags: [:], file: path)
        }
        #expect(again.resolved([:]).map(\.name) == kept.map(\.name))
        #expect(again.resolved([:]).map(\.value) == kept.map(\.value))
    }

    /// The example above leaves nothing out but what it may not say.
    @Test func everySettingHasAnExample() throws {
        let names = Set(SettingTable.all.map(\.name))
        #expect(names.subtracting(Self.examples.keys) == ["eval-data", "epochs"])
        let kept = Set(try SettingValues(Self.examples).resolved([:]).map(\.name))
        // A permission is not kept, and epochs make way for steps.
        #expect(names.subtracting(kept) == ["eval-data", "epochs", "allow-change"])
    }

    /// What the model and the data tell takes the place of what was said, or of nothing.
    @Test func whatIsFoundIsKept() throws {
        let values = try SettingValues(["model": "m", "rank": "3", "loss-on": "last"])
        let kept = Dictionary(
            uniqueKeysWithValues: values.resolved(["rank": "4", "format": "chat", "loss-on": nil])
                .map { ($0.name, $0.value) })
        #expect(kept["rank"] == "4" && kept["format"] == "chat" && kept["loss-on"] == nil)
    }

    @Test func helpNamesTheDefault() {
        func help(_ name: String) -> String { SettingTable.named(name)?.fullHelp ?? "" }
        #expect(help("epsilon") == "AdamW's epsilon (default: 1e-8).")
        #expect(help("rank") == "Rank of A and B (default: 8).")
        #expect(
            help("schedule")
                == "constant, linear or cosine: how the rate goes on after the warm-up (default: linear)."
        )
        #expect(help("model") == "Base model: a Hugging Face folder or a .gguf file.")
    }
}
