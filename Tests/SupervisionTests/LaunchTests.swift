import Foundation
import TestSupport
import Testing

/// `lora launch` on one machine, with real jobs that are killed, stopped and broken.
@Suite(.serialized) struct LaunchTests {
    private static let model = Programs.fixture("tiny-llama")

    private func worker(_ out: String, epochs: Int) -> [String] {
        [
            Programs.folder + "/lora-worker", "--model", Self.model, "--data",
            Self.model + "/train.jsonl", "--out", out, "--batch-size", "8", "--epochs", "\(epochs)",
            "--checkpoint-every", "5",
        ]
    }

    private func launch(_ program: [String], _ flags: [String] = []) -> [String] {
        ["launch", "-n", "2", "--mpirun-argument", "--oversubscribe"] + flags + ["--"] + program
    }

    private func weights(_ out: String) throws -> Data {
        try Data(contentsOf: URL(fileURLWithPath: out + "/adapter/adapter_model.safetensors"))
    }

    private func reference(_ scratch: String, epochs: Int) throws -> Data {
        let out = scratch + "/reference"
        let run = try Programs.mpirun(ranks: 1, Array(worker(out, epochs: epochs).dropFirst()))
        try #require(run.exitCode == 0, "\(run.errors)")
        return try weights(out)
    }

    /// A supervised job whose rank 1 stops itself before step 13, unless it goes on from a checkpoint.
    private func startStopping(
        _ program: [String], _ flags: [String] = [], scratch: String
    ) throws -> SelfStoppingJob {
        try SelfStoppingJob(
            Programs.folder + "/lora", launch(program, flags), rank: 1, step: 13, once: true,
            scratch: scratch)
    }

    private func processes(_ pattern: String) throws -> [Int32] {
        try Programs.run("pgrep", ["-f", pattern]).output.split(separator: "\n")
            .compactMap { Int32($0) }
    }

    private func ranks(_ out: String) throws -> [Int32] {
        try processes("^[^ ]*lora-worker --model .* --out \(out) ")
    }

    private func mpiruns(_ out: String) throws -> [Int32] {
        try processes("^mpirun .* --out \(out) ")
    }

    private func events(_ out: String) throws -> [String] {
        try String(contentsOfFile: out + "/launch.jsonl", encoding: .utf8).split(separator: "\n")
            .compactMap {
                let object = try JSONSerialization.jsonObject(with: Data($0.utf8))
                return (object as? [String: Any])?["event"] as? String
            }
    }

    @Test(.timeLimit(.minutes(10)), arguments: ["rank", "mpirun"])
    func aKilledProcessCostsSecondsAndNoBit(_ victim: String) throws {
        try Programs.withScratchFolder { scratch in
            let out = scratch + "/run"
            let job = try startStopping(worker(out, epochs: 6), scratch: scratch)
            let target = victim == "rank" ? job.stopped : try #require(mpiruns(out).last)
            try #require(kill(target, SIGKILL) == 0)
            let outcome = try job.outcome()
            #expect(outcome.exitCode == 0, "\(outcome.errors)")
            #expect(try events(out).filter { $0 == "started" }.count == 2)
            #expect(try events(out).last == "finished")
            #expect(try weights(out) == reference(scratch, epochs: 6))
        }
    }

    /// The job goes with its supervisor, and the next one continues.
    @Test(.timeLimit(.minutes(10)))
    func aKilledSupervisorLeavesNobody() throws {
        try Programs.withScratchFolder { scratch in
            let out = scratch + "/run"
            let job = try startStopping(worker(out, epochs: 6), scratch: scratch)
            kill(job.process.processIdentifier, SIGKILL)
            job.send(SIGCONT)
            job.process.waitUntilExit()
            try waitUntil("the end of the job") { try (ranks(out) + mpiruns(out)).isEmpty }
            let again = try Programs.run(
                Programs.folder + "/lora", launch(worker(out, epochs: 6)))
            #expect(again.exitCode == 0, "\(again.errors)")
            #expect(try weights(out) == reference(scratch, epochs: 6))
        }
    }

    /// All ranks stopped: no deadline of theirs can pass, only the supervisor sees it.
    @Test(.timeLimit(.minutes(10)))
    func aJobThatHangsIsEnded() throws {
        try Programs.withScratchFolder { scratch in
            let out = scratch + "/run"
            let job = try startStopping(
                worker(out, epochs: 6), ["--stall-timeout", "3"], scratch: scratch)
            for rank in try ranks(out) { kill(rank, SIGSTOP) }
            let outcome = try job.outcome()
            #expect(outcome.exitCode == 0, "\(outcome.errors)")
            #expect(try events(out).contains("stalled"))
            #expect(try weights(out) == reference(scratch, epochs: 6))
        }
    }

    /// Asked to stop at any time from its start: saved, exit code 75, and continued.
    @Test(.timeLimit(.minutes(10)), arguments: [0, 20, 150, 600])
    func stopsAtAnyTime(milliseconds: UInt32) throws {
        try Programs.withScratchFolder { scratch in
            let out = scratch + "/run"
            let job = try Programs.start(
                Programs.folder + "/lora", launch(worker(out, epochs: 100_000)), scratch: scratch)
            usleep(1000 * milliseconds)
            kill(job.processIdentifier, milliseconds == 150 ? SIGUSR1 : SIGTERM)
            job.waitUntilExit()
            let outcome = try Programs.outcome(of: job, scratch: scratch)
            // A signal between fork and exec of a shell-less start may still end it.
            #expect(outcome.exitCode == 75 || (milliseconds == 0 && outcome.exitCode == 143))
            #expect(try ranks(out).isEmpty)
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func stopsAndContinues() throws {
        try Programs.withScratchFolder { scratch in
            let out = scratch + "/run"
            let job = try startStopping(worker(out, epochs: 6), scratch: scratch)
            kill(job.process.processIdentifier, SIGTERM)
            job.send(SIGCONT)
            let outcome = try job.outcome()
            #expect(outcome.exitCode == 75, "\(outcome.errors)")
            #expect(try ranks(out).isEmpty)
            let again = try Programs.run(
                Programs.folder + "/lora", launch(worker(out, epochs: 6)))
            #expect(again.exitCode == 0, "\(again.errors)")
            #expect(try weights(out) == reference(scratch, epochs: 6))
        }
    }

    /// What no other attempt changes is not tried again.
    @Test(.timeLimit(.minutes(10)))
    func aWrongValueIsNotTriedAgain() throws {
        try Programs.withScratchFolder { scratch in
            let out = scratch + "/run"
            let run = try Programs.run(
                Programs.folder + "/lora", launch(worker(out, epochs: 2) + ["--rank", "0"]))
            #expect(run.exitCode == 78, "\(run.errors)")
            #expect(try events(out).filter { $0 == "started" }.count == 1)
        }
    }

    /// A program that fails each time, or claims success without a run, is given up.
    @Test(.timeLimit(.minutes(10)), arguments: ["exit 3", "exit 0"])
    func givesUpWithoutProgress(_ script: String) throws {
        try Programs.withScratchFolder { scratch in
            let out = scratch + "/run"
            let run = try Programs.run(
                Programs.folder + "/lora", launch(["sh", "-c", script, "--out", out]))
            #expect(run.exitCode == 75, "\(run.errors)")
            #expect(try events(out).filter { $0 == "started" }.count == 4)
            #expect(try events(out).last == "gave_up")
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func theSecondSupervisorIsRefused() throws {
        try Programs.withScratchFolder { scratch in
            let out = scratch + "/run"
            let job = try startStopping(worker(out, epochs: 6), scratch: scratch)
            let second = try Programs.run(
                Programs.folder + "/lora", launch(worker(out, epochs: 6)))
            #expect(second.exitCode == 76)
            #expect(second.errors.contains("process \(job.process.processIdentifier)"))
            kill(job.process.processIdentifier, SIGTERM)
            job.send(SIGCONT)
            #expect(try job.outcome().exitCode == 75)
        }
    }

    /// Launches a program on the hosts of a file; "gone" does not answer, and all others are here.
    private func launch(
        _ script: String, hosts: String, ranks: String?, _ scratch: String
    ) throws -> (run: Programs.Outcome, started: [String]) {
        let (file, shell, out) = (scratch + "/hosts", scratch + "/shell", scratch + "/run")
        try Data(hosts.utf8).write(to: URL(fileURLWithPath: file))
        let text = "#!/bin/sh\n[ \"$1\" != gone ] || exit 255\nshift\nexec sh -c \"$*\"\n"
        try Data(text.utf8).write(to: URL(fileURLWithPath: shell))
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: shell)
        let run = try Programs.run(
            Programs.folder + "/lora",
            ["launch", "--hosts", file, "--remote-shell", shell] + (ranks.map { ["-n", $0] } ?? [])
                + ["--", "sh", "-c", script, "--out", out])
        let lines = (try? String(contentsOfFile: out + "/launch.jsonl", encoding: .utf8)) ?? ""
        return (
            run, lines.split(separator: "\n").map(String.init).filter { $0.contains("\"started\"") }
        )
    }

    private static let countAndLeave = "echo started as $OMPI_COMM_WORLD_SIZE >&2; exit 78"

    /// Without `-n` one rank for each slot; repeated hosts add up.
    @Test(.timeLimit(.minutes(10)))
    func aRankForEachSlot() throws {
        try Programs.withScratchFolder { scratch in
            let (run, started) = try launch(
                Self.countAndLeave, hosts: "n1 slots=1\r\nn2\r\nn2", ranks: nil, scratch)
            #expect(run.exitCode == 78, "\(run.errors)")
            #expect(run.errors.contains("started as 3"), "\(run.errors)")
            #expect(started.count == 1 && !started[0].contains("in place of"), "\(started)")
        }
    }

    /// mpirun counts the cores and refuses; that is not tried again.
    @Test(.timeLimit(.minutes(10)))
    func moreRanksThanCoresAreRefused() throws {
        try Programs.withScratchFolder { scratch in
            let (run, started) = try launch(
                Self.countAndLeave, hosts: "n1\nn2\n", ranks: "100000", scratch)
            #expect(run.exitCode == 78, "\(run.errors)")
            #expect(run.errors.contains("counts fewer slots than 100000 on n1, n2"))
            #expect(!run.errors.contains("started as"))
            #expect(started.count == 1)
        }
    }

    /// A lost host's ranks are missing with a word, whether its slots were known or not.
    @Test(
        .timeLimit(.minutes(10)),
        arguments: [
            ("n1 slots=1\ngone slots=1\n", "2", "1 in place of 2 ranks"),
            ("n1\ngone\n", "100000", "a rank a core in place of 100000 ranks"),
        ])
    func fewerRanksAreSaid(_ hosts: String, _ ranks: String, _ words: String) throws {
        try Programs.withScratchFolder { scratch in
            let (run, started) = try launch(
                Self.countAndLeave, hosts: hosts, ranks: ranks, scratch)
            #expect(run.exitCode == 78, "\(run.errors)")
            #expect(run.errors.contains("started as "), "\(run.errors)")
            #expect(run.errors.contains("gone is left out"))
            #expect(started.last?.contains(words) == true, "\(started)")
        }
    }

    /// Nothing is started, nor the run's folder made, for ranks that nobody takes.
    @Test(.timeLimit(.minutes(10)))
    func knownSlotsAreHeldAgainstTheRanks() throws {
        try Programs.withScratchFolder { scratch in
            let (run, _) = try launch(
                Self.countAndLeave, hosts: "n1 slots=2\nn2 slots=2\n", ranks: "8", scratch)
            #expect(run.exitCode == 78)
            #expect(run.errors.contains("the hosts have 4 slots (n1 2, n2 2)"), "\(run.errors)")
            let (unknown, _) = try launch(
                Self.countAndLeave, hosts: "n1 slots=2\nn2\n", ranks: nil, scratch)
            #expect(unknown.exitCode == 78)
            #expect(unknown.errors.contains("n2 has no slots="), "\(unknown.errors)")
            #expect(!FileManager.default.fileExists(atPath: scratch + "/run"))
        }
    }
}
