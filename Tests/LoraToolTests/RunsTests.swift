import Foundation
import ProgressReports
import RunStore
import TestSupport
import Testing

/// `lora runs` and `lora report` on a store that a collector might have written.
@Suite(.timeLimit(.minutes(10))) struct RunsTests {
    private let tool: Tool
    /// The step of a single high loss.
    private let leap = 4321
    private var store: String { tool.scratch + "/runs.sqlite" }

    init() throws {
        tool = try Tool()
        let records =
            run("aaaa1111", name: "night-1", rank: 8, steps: 40)
            + run("aaaa2222", name: "night-2", rank: 16, steps: 6000, isFinished: true)
            + run("b\u{1B}[31m", name: "../../evil\u{1B}]0;x\u{7}", rank: 8, steps: 1)
        try RunStore(writing: store).append(records, at: unixTimeNanoseconds())
    }

    /// A job's records: start, steps, an evaluation and a checkpoint, perhaps an end.
    private func run(
        _ id: String, name: String, rank: Int, steps: Int, isFinished: Bool = false
    ) -> [TimedRecord] {
        var records: [ProgressRecord] = [
            .runStarted(
                .init(
                    runID: id, configuration: "rank: \(rank)\nseed: 7\n", worldSize: 2,
                    lanesPerRank: 1, hosts: ["n1", "n2"], kernelID: "k", totalSteps: 6000,
                    trainableParameters: 10, name: name))
        ]
        records += (1...steps).map { number in
            .step(
                .init(
                    step: number, epoch: 0,
                    loss: number == leap ? 50 : 2 - Double(number) / 20_000, targetTokens: 10,
                    tokens: 20, tokensPerSecond: 1234, learningRate: 1e-4, gradientNorm: 1,
                    computeSeconds: 0.1, reduceSeconds: 0.01, updateSeconds: 0.001))
        }
        records += [
            .evaluation(
                .init(step: steps, loss: 1.25, targetTokens: 5, samples: 3, seconds: 0.5)),
            .checkpoint(
                .init(step: steps, path: "p", bytes: 1, seconds: 1, manifestSHA256: "00")),
        ]
        if isFinished {
            records.append(
                .finished(
                    .init(
                        step: steps, loss: 1.7, evaluationLoss: 1.25, seconds: 61,
                        adapterPath: "out/adapter", adapterSHA256: "0123456789abcdef")))
        }
        return records.enumerated().map { index, record in
            TimedRecord(
                runID: id, epoch: 1, sequence: UInt64(index + 1),
                unixTimeNanoseconds: 1_700_000_000_000_000_000 + Int64(index), record: record)
        }
    }

    @Test func runsAreListed() throws {
        defer { tool.remove() }
        let list = try tool.lora("runs", "--store", store)
        #expect(list.exitCode == 0, "\(list.errors)")
        let lines = list.output.split(separator: "\n").map { $0.split(separator: " ") }
        let first = lines.first { $0.first == "night-1" }
        #expect(
            first?.map(String.init) == [
                "night-1", "aaaa1111", "running", "40/6000", "1.9980", "1.2500", "1,234", "-",
            ])
        #expect(list.output.contains("finished"))
        // What a sender calls its run does not steer this terminal.
        #expect(!list.output.unicodeScalars.contains { $0 == "\u{1B}" || $0 == "\u{7}" })
        let json = try tool.lora("runs", "--json", "--store", store)
        let object = try JSONSerialization.jsonObject(with: Data(json.output.utf8))
        #expect(((object as? [String: Any])?["runs"] as? [Any])?.count == 3)
    }

    @Test func aRunIsShownWithoutItsSteps() throws {
        defer { tool.remove() }
        let shown = try tool.lora("runs", "show", "night-2", "--store", store)
        let lines = shown.output.split(separator: "\n")
        // Start, the last step, evaluation, checkpoint, end.
        #expect(lines.count == 5, "\(shown.output)\(shown.errors)")
        #expect(lines[1].contains("step 6000: loss 1.7000"))
        #expect(lines[4].contains("finished after step 6000"))
        let json = try tool.lora("runs", "show", "aaaa2", "--json", "--store", store)
        #expect(json.output.split(separator: "\n").count == 6004)
        let unknown = try tool.lora("runs", "show", "aaaa", "--store", store)
        #expect(unknown.exitCode == 78)
        #expect(unknown.errors.contains("means 2 runs"))
    }

    @Test(arguments: [
        (["shwo", "night-1"], "Did you mean 'show'?"), (["comapre"], "Did you mean 'compare'?"),
        (["night-1"], "lora runs show NAME"), (["--json", "show"], "before all options"),
    ])
    func whatIsNoCommandIsProposedOne(_ words: [String], _ advice: String) throws {
        defer { tool.remove() }
        let outcome = try tool.lora(["runs"] + words)
        #expect(outcome.exitCode == 64)
        #expect(outcome.errors.contains("Unexpected argument '"), "\(outcome.errors)")
        #expect(outcome.errors.contains(advice), "\(outcome.errors)")
    }

    @Test func runsAreCompared() throws {
        defer { tool.remove() }
        let text = try tool.lora("runs", "compare", "night-1", "night-2", "--store", store).output
        let rows = text.split(separator: "\n").map { line in
            line.split(separator: " ").map(String.init)
        }
        #expect(rows.contains(["rank", "8", "16"]))
        #expect(rows.contains(["step", "40", "6000"]))
        #expect(!rows.contains { $0.first == "seed" })
        #expect(rows.contains(["adapter", "SHA-256", "-", "0123456789ab"]))
    }

    @Test func aReportIsOneSmallFile() throws {
        defer { tool.remove() }
        let path = tool.scratch + "/report.html"
        let made = try tool.lora("report", "night-2", "--store", store, "--output", path)
        #expect(made.exitCode == 0, "\(made.errors)")
        let text = try String(contentsOfFile: path, encoding: .utf8)
        #expect(text.contains("default-src 'none'"))
        #expect(!text.contains("src=\"") && !text.contains("href=\"page.css"))
        // Of four steps the first and the last, as the loss falls; of the last group one; and the leap.
        let steps = text.split(separator: "{\"kind\":\"step\"").count - 1
        #expect(steps == 3002)
        // By which the page tells them from the leap.
        #expect(text.contains("\"every\":4,\"records\":["))
        #expect(text.contains("\"step\":\(leap),") && text.contains("\"step\":6000,"))
        let again = try tool.lora("report", "night-2", "--store", store, "--output", path)
        #expect(again.exitCode == 78)
        #expect(again.errors.contains("exists already"))
        let forced = try tool.lora(
            "report", "night-2", "--store", store, "--output", path, "--force")
        #expect(forced.exitCode == 0, "\(forced.errors)")
    }

    /// A run's name is a stranger's: it chooses no folder, and runs nothing.
    @Test func aHostileNameStaysText() throws {
        defer { tool.remove() }
        let attack = "\u{600}</script><script>alert(1)</script>"
        try RunStore(writing: store).append(
            run("cccc", name: attack, rank: 8, steps: 1), at: unixTimeNanoseconds())
        for id in ["cccc", "b\u{1B}[31m"] {
            let made = try Programs.run(
                "sh",
                [
                    "-c", "cd '\(tool.scratch)' && exec \"$0\" report \"$1\" --store runs.sqlite",
                    Programs.folder + "/lora", id,
                ])
            #expect(made.exitCode == 0, "\(made.errors)")
            let name = made.output.trimmingCharacters(in: .whitespacesAndNewlines)
            #expect(!name.contains("/") && !name.hasPrefix("."))
            let text = try String(contentsOfFile: tool.scratch + "/" + name, encoding: .utf8)
            #expect(!text.contains("<script>alert"))
        }
    }

    /// What is kept of a long run is what ``StepThinning`` keeps, and no more is in memory: 30,000 steps took
    /// 150 MiB when all were, 64 MiB are plenty for the 4,500 that are shown.
    @Test func aLongFolderTakesLittleMemory() throws {
        defer { tool.remove() }
        let (folder, path) = (tool.scratch + "/long", tool.scratch + "/long.html")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let records = run("dddd", name: "long", rank: 8, steps: 30_000, isFinished: true)
        try records.map { $0.jsonLine + "\n" }.joined().write(
            toFile: folder + "/metrics.jsonl", atomically: false, encoding: .utf8)
        let made = try Programs.run(
            "sh",
            [
                "-c", "ulimit -d 65536; exec \"$0\" report \"$1\" --output \"$2\"",
                Programs.folder + "/lora", folder, path,
            ])
        #expect(made.exitCode == 0, "\(made.errors.prefix(500))")
        var thinning = StepThinning<String>(every: 20)
        for case .step(let step) in records.map(\.record) {
            thinning.add(job: 0, step: step.step, loss: step.loss, id: "\(step.step)")
        }
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let shown = text.split(separator: "{\"kind\":\"step\",\"step\":").dropFirst().map {
            String($0.prefix { $0 != "," })
        }
        #expect(shown == thinning.finish())
        #expect(text.contains("\"every\":20,"))
        for fact in [
            "\"state\":\"finished\"", "\"step\":30000,\"total_steps\":6000", "\"jobs\":1",
        ] {
            #expect(text.contains(fact), "\(fact)")
        }
    }

    @Test func aFolderIsReportedAlsoWhenItsRunWasCutOff() throws {
        defer { tool.remove() }
        let out = try tool.trainedRun()
        let path = tool.scratch + "/report.html"
        let handle = try #require(FileHandle(forWritingAtPath: out + "/metrics.jsonl"))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data("{\"kind\":\"step\",\"st".utf8))
        try handle.close()
        let made = try tool.lora("report", out, "--output", path)
        #expect(made.exitCode == 0, "\(made.errors)")
        let text = try String(contentsOfFile: path, encoding: .utf8)
        #expect(text.contains("\"state\":\"finished\""))
        #expect(text.split(separator: "{\"kind\":\"step\"").count - 1 == 4)
    }
}
