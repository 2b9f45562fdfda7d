import Foundation
import TestSupport
import Testing

/// Gradients that one rank computes wrongly: once, as a faulty machine does, or always, as broken
/// data does. ``TrainingStepTests`` has every state of the step; here is what a job makes of them.
@Suite(.serialized) struct FaultyRankTests {
    private func run(
        _ out: String, ranks: Int, fault: String? = nil
    ) throws -> Programs.Outcome {
        try Programs.run(
            "env",
            ["LORA_INJECT_FAULT=\(fault ?? "")", "mpirun"]
                + Programs.mpirunArguments(
                    ranks: ranks, TrainingRunFixture.arguments(out: out)))
    }

    private func warnings(_ out: String) throws -> [String] {
        try TrainingRunFixture.metrics(of: out, kind: "warning").compactMap {
            $0["message"] as? String
        }
    }

    /// The step is computed again, the rank named, and nothing is left of the fault.
    @Test(.timeLimit(.minutes(10)))
    func aPassingFaultChangesNoBit() throws {
        try Programs.withScratchFolder { scratch in
            let reference = try run(scratch + "/reference", ranks: 1)
            #expect(reference.exitCode == 0, "\(reference.errors)")
            let outcome = try run(scratch + "/faulty", ranks: 2, fault: "nan-once:1:5")
            #expect(outcome.exitCode == 0, "\(outcome.errors)")
            #expect(
                try warnings(scratch + "/faulty").contains {
                    $0.hasPrefix("step 5: rank 1 computed the same slices")
                })
            #expect(
                try TrainingRunFixture.weights(of: scratch + "/faulty")
                    == TrainingRunFixture.weights(of: scratch + "/reference"))
        }
    }

    /// What comes again is rejected, and the rank and the tensor are named.
    @Test(.timeLimit(.minutes(10)))
    func aLastingFaultRejectsTheStep() throws {
        try Programs.withScratchFolder { scratch in
            let out = scratch + "/run"
            let outcome = try run(out, ranks: 2, fault: "nan:1:5")
            #expect(outcome.exitCode == 0, "\(outcome.errors)")
            let rejected = try warnings(out).filter { $0.hasPrefix("step 5 rejected") }
            #expect(rejected.count == 1)
            #expect(rejected.first?.contains("of rank 1 is not finite") == true, "\(rejected)")
        }
    }

    /// A replica whose memory has changed is found out before the next checkpoint is long past.
    @Test(.timeLimit(.minutes(10)))
    func aReplicaThatDiffersIsNamed() throws {
        try Programs.withScratchFolder { scratch in
            let outcome = try Programs.run(
                "env",
                ["LORA_INJECT_FAULT=flip:2:16", "mpirun"]
                    + Programs.mpirunArguments(
                        ranks: 3,
                        TrainingRunFixture.arguments(out: scratch + "/run", ["--epochs", "4"])))
            #expect(outcome.exitCode == 75, "\(outcome.errors)")
            #expect(outcome.errors.contains("the adapter on rank 2 differs from rank 0's"))
        }
    }

    @Test func aWrongRequestIsRefused() throws {
        try Programs.withScratchFolder { scratch in
            let outcome = try run(scratch + "/run", ranks: 2, fault: "nan:x")
            #expect(outcome.exitCode == 78)
            #expect(outcome.errors.contains("LORA_INJECT_FAULT"))
        }
    }
}
