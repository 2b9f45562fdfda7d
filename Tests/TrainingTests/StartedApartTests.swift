import Foundation
import TestSupport
import Testing

/// Several processes that were meant to be one job and do not find each other.
@Suite(.serialized) struct StartedApartTests {
    private func worker(_ out: String, _ more: [String] = []) -> [String] {
        [Programs.folder + "/lora-worker"] + TrainingRunFixture.arguments(out: out, more)
    }

    private static let step = ["SLURM_JOBID=7", "SLURM_NODELIST=n1", "SLURM_STEP_ID=0"]

    /// As other launchers, and srun without PMIx, leave their processes.
    @Test(
        .timeLimit(.minutes(10)),
        arguments: [
            (["PMI_SIZE=2", "PMI_RANK=1"], "PMI_SIZE=2"),
            (["WORLD_SIZE=4", "RANK=0"], "WORLD_SIZE=4"),
            (["SLURM_STEP_NUM_TASKS=4", "SLURM_PROCID=0"], "SLURM_STEP_NUM_TASKS=4"),
            (step + ["SLURM_STEP_NUM_TASKS=4", "SLURM_PROCID=1"], "SLURM_STEP_NUM_TASKS=4"),
        ])
    func isRefusedBeforeTheFolderIsMade(_ variables: [String], _ named: String) throws {
        try Programs.withScratchFolder { scratch in
            let out = scratch + "/run"
            let run = try Programs.run("env", variables + worker(out))
            #expect(run.exitCode == 78, "\(run.errors)")
            #expect(run.errors.contains(named), "\(run.errors)")
            #expect(run.errors.contains("mpirun"))
            #expect(!FileManager.default.fileExists(atPath: out))
        }
    }

    /// One task of a job that asked for several, and `mpirun -n 1` in a step of several.
    @Test(
        .timeLimit(.minutes(10)),
        arguments: [
            ["SLURM_JOBID=7", "SLURM_NODELIST=n1", "SLURM_NTASKS=4", "SLURM_PROCID=0"],
            ["SLURM_NODELIST=n1", "SLURM_NTASKS=4"],
            step + ["SLURM_STEP_NUM_TASKS=1", "SLURM_PROCID=0", "SLURM_NTASKS=1"],
        ])
    func oneAloneTrains(_ variables: [String]) throws {
        try Programs.withScratchFolder { scratch in
            let run = try Programs.run("env", variables + worker(scratch + "/run"))
            #expect(run.exitCode == 0, "\(run.errors)")
            #expect(try TrainingRunFixture.steps(of: scratch + "/run").count == 12)
        }
    }

    /// A shell loop: the second says what is likely wrong and leaves the first's files alone.
    @Test(.timeLimit(.minutes(10)))
    func theSecondOfALoopSaysSo() throws {
        try Programs.withScratchFolder { scratch in
            let out = scratch + "/run"
            let command = worker(out)
            let first = try SelfStoppingJob(
                command[0], Array(command.dropFirst()), rank: 0, step: 2, scratch: scratch)
            let lock = try Data(contentsOf: URL(fileURLWithPath: out + "/.lock"))
            let second = try Programs.run(command[0], Array(command.dropFirst()))
            #expect(second.exitCode == 76, "\(second.errors)")
            #expect(
                second.errors.contains(
                    "another lora-worker with one rank (process \(first.stopped))"),
                "\(second.errors)")
            #expect(second.errors.contains("mpirun -n N"))
            // Two ranks are a job of their own, whoever holds the run.
            let pair = try Programs.mpirun(ranks: 2, Array(command.dropFirst()))
            #expect(pair.exitCode == 76)
            #expect(
                pair.errors.contains("another job is writing to this run: process"),
                "\(pair.errors)")
            #expect(try Data(contentsOf: URL(fileURLWithPath: out + "/.lock")) == lock)
            first.send(SIGCONT)
            #expect(try first.outcome().exitCode == 0)
        }
    }
}
