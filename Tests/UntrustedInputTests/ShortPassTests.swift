import Checkpoints
import Foundation
import ProgressDelivery
import ProgressReports
import TestSupport
import Testing

/// A short pass of the fuzzer over each reader of strangers' bytes, from a fixed seed. `scripts/trials/fuzz`
/// goes on for as long as one likes.
@Suite(.serialized) struct ShortPassTests {
    private static let fixtures = Programs.repository + "/Tests/Fixtures"

    private static func files(_ target: String, scratch: String) throws -> [String] {
        let llama = fixtures + "/tiny-llama"
        func made(_ name: String, _ bytes: [UInt8]) throws -> String {
            try Data(bytes).write(to: URL(fileURLWithPath: scratch + "/" + name))
            return scratch + "/" + name
        }
        switch target {
        case "safetensors": return [llama + "/model.safetensors"]
        case "gguf":
            let folder = fixtures + "/tiny-llama-gguf"
            return try FileManager.default.contentsOfDirectory(atPath: folder)
                .filter { $0.hasSuffix(".gguf") }.sorted().map { folder + "/" + $0 }
        case "tokenizer": return [llama + "/tokenizer.json"]
        case "configuration":
            let families = fixtures + "/families"
            return try FileManager.default.contentsOfDirectory(atPath: families).sorted()
                .map { "\(families)/\($0)/config.json" }
                .filter { FileManager.default.fileExists(atPath: $0) } + [llama + "/config.json"]
        case "jsonl":
            return [
                try made("a", Array("{\"prompt\": \"a\", \"completion\": \"b\"}\n".utf8)),
                try made("b", Array("[{\"instruction\": \"a\", \"output\": \"\\u00e9\"}]".utf8)),
                try made("c", Array("{\"text\": \"a\"}\n\n{\"text\": \"b\"}".utf8)),
                // A gzip header and nothing behind it.
                try made("d", [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 1, 2, 3]),
            ]
        case "manifest", "archive":
            let store = CheckpointStore(folder: scratch + "/checkpoints")
            let saved = try store.save(
                step: 7, runID: "run", document: "{}",
                files: [CheckpointFile(name: "weights", bytes: Array(0...255))])
            if target == "manifest" { return [saved.path + "/MANIFEST.json"] }
            let loaded = try CheckpointStore.load(checkpointAt: saved.path)
            return [try made("archive", CheckpointArchive(loaded).encoded())]
        case "frame":
            let record = TimedRecord(
                runID: "run", sequence: 1, unixTimeNanoseconds: 7,
                record: .warning(.init(step: 3, message: "a message")))
            let start = TimedRecord(
                runID: "run", sequence: 2, unixTimeNanoseconds: 7,
                record: .runStarted(
                    .init(
                        runID: "run", configuration: "a: 1", worldSize: 2, lanesPerRank: 1,
                        hosts: ["a", "b"], kernelID: "k", totalSteps: 3, trainableParameters: 4,
                        name: "n\"\u{301}\\")))
            return [
                try made("frame", ProgressMessage.encode(record)),
                try made("start", ProgressMessage.encode(start)),
            ]
        case "greeting":
            return [try made("hello", ProgressGreeting.Hello(token: "a token").encoded())]
        case "reply":
            let replies: [ProgressGreeting.Reply] = [
                .welcome(version: 1), .refusal("no"),
                .acknowledgement(runID: "run", epoch: 7, sequence: 9),
            ]
            return try replies.enumerated().map { try made("reply\($0)", $1.encoded()) }
        case "spool":
            let folder = scratch + "/spool"
            let spool = Spool(folder: folder)
            for number in 1...4 {
                let record = TimedRecord(
                    runID: "run", epoch: 1, sequence: UInt64(number * number),
                    unixTimeNanoseconds: 7, record: .warning(.init(step: 3, message: "m")))
                #expect(spool.append(SpoolEntry(record)))
            }
            return [folder + "/000000000001.records"]
        case "template":
            return [
                try made(
                    "template",
                    Array(
                        """
                        {{ bos_token }}{% for m in messages %}{% if loop.first and m['role'] != 'x' %}[
                        {%- endif %}<|{{ m.role | upper }}|>{{ m['content'] | trim }}{{ eos_token }}
                        {% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}
                        """.utf8))
            ]
        case "adapter":
            return [
                try made(
                    "adapter",
                    Array(
                        """
                        {"peft_type": "LORA", "r": 8, "lora_alpha": 16, "target_modules": ["q_proj"],
                        "task_type": "CAUSAL_LM", "base_model_name_or_path": "x", "bias": "none"}
                        """.utf8))
            ]
        case "settings":
            return [
                try made(
                    "yaml", Array("model: a\ndata: b.jsonl=2\nout: c\nlr: 1e-4\nsteps: 3\n".utf8))
            ]
        default: return [try made("hosts", Array("a slots=2\nb\n# c\n10.0.0.1 slots=4 max\n".utf8))]
        }
    }

    @Test(
        .timeLimit(.minutes(10)),
        arguments: [
            ("safetensors", 3000), ("gguf", 1500), ("tokenizer", 400), ("configuration", 3000),
            ("jsonl", 3000), ("manifest", 3000), ("archive", 5000), ("frame", 20000),
            ("greeting", 5000), ("reply", 10000), ("spool", 5000),
            ("template", 5000), ("adapter", 5000), ("settings", 3000), ("hostfile", 5000),
        ])
    func everyInputIsReadOrRefused(_ target: String, rounds: Int) throws {
        try Programs.withScratchFolder { scratch in
            let culprit = NSTemporaryDirectory() + "fuzz-culprit-\(target)"
            let outcome = try Programs.run(
                Programs.folder + "/fuzz-targets",
                [target, "1", "\(rounds)", culprit] + Self.files(target, scratch: scratch))
            #expect(
                outcome.exitCode == 0, "the culprit is \(culprit): \(outcome.errors.suffix(2000))")
            let accepted = outcome.output.split(separator: " ").dropFirst(3).first
            // A corpus that is refused from the start would test nothing.
            #expect(accepted != nil && accepted != "0", "\(outcome.output)")
            if outcome.exitCode == 0 { unlink(culprit) }
        }
    }
}
