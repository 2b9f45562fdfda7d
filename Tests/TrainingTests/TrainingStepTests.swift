import Faults
import Foundation
import RunSettings
import TestSupport
import Testing
import Training

/// The step that jobs run, on ranks of this process: every state of its reductions.
///
/// A batch falls into two slices, so of three ranks the last has none.
@Suite(.vectorLevelTurn, .timeLimit(.minutes(5))) struct TrainingStepTests {
    /// Steps in which the exponents of the exact sums are settled: see ``firstStepsAreComputedTwice()``.
    private static let settled = 4

    // ------------------------------------------------------------------ the same bytes

    @Test func anyRanksAndLanesGiveTheSameBits() throws {
        let reference = try InProcessRun(ranks: 1)
        _ = try reference.run(1...6)
        for ranks in [1, 2, 3, 5] {
            for lanes in [1, 2] {
                let run = try InProcessRun(
                    ranks: ranks, lanes: lanes,
                    settings: ["recompute": lanes == 2 ? "on" : "off"])
                let reports = try run.run(1...6)
                for adapter in run.adapters {
                    #expect(
                        adapter == reference.adapters[0], "\(ranks) ranks of \(lanes) lanes")
                }
                #expect(reports.allSatisfy { $0.allSatisfy { $0.sums.end == .good } })
            }
        }
        // The comparison can fail: another seed gives other bits.
        let other = try InProcessRun(ranks: 1, settings: ["seed": "1"])
        _ = try other.run(1...6)
        #expect(other.adapters[0] != reference.adapters[0])
    }

    /// Slices move to the fast hosts, and no bit with them. The clocks run thousands of times too fast, so
    /// that what the machine is busy with is not seen.
    @Test func aSlowHostGetsFewerSlicesAndTheSameBits() throws {
        let settings = ["batch-size": "48"]
        let reference = try InProcessRun(ranks: 1, settings: settings)
        _ = try reference.run(1...7)
        let run = try InProcessRun(
            ranks: 3, settings: settings, clockFactors: [1, 1, 10_000])
        _ = try run.run(1...6)
        let slices = try run.slices(ofStep: 7)
        #expect(slices.reduce(0, +) == 12)
        #expect(slices[2] <= 1, "\(slices)")
        for adapter in run.adapters { #expect(adapter == reference.adapters[0]) }
    }

    @Test func onlyRank0Updates() throws {
        let run = try InProcessRun(ranks: 3)
        let reports = try run.run(step: 1)
        #expect(reports.map { $0.update != nil } == [true, false, false])
        #expect(reports.map { $0.closing?.replicasDiffer } == [false, false, false])
        #expect(Set(reports.map(\.sums.meanLoss)).count == 1)
    }

    // ------------------------------------------------------------------ messages

    @Test(arguments: ["", "nan", "nan:1", "nan:x:2", "nan:1:2:3", "nan-twice:1:2", "burn:1:2"])
    func aFaultThatNobodyKnowsIsRefused(text: String) {
        #expect(throws: ConfigurationError.self) { try FaultInjection(text) }
    }

    @Test(arguments: ["nan:0:1", "huge-often:1:2", "stop-once:3:4", "kill:0:9", "flip:2:1"])
    func knownFaultsAreTaken(text: String) throws { _ = try FaultInjection(text) }

    @Test func aQuietStepMakesFourCollectives() throws {
        let run = try InProcessRun(ranks: 3)
        _ = try run.run(1...Self.settled)
        let before = run.communicators.map(\.collectives.count)
        let reports = try run.run(step: Self.settled + 1)
        #expect(reports.allSatisfy { $0.sums.computations == 1 })
        for (communicator, count) in zip(run.communicators, before) {
            #expect(
                Array(communicator.collectives[count...]) == ["max", "sum", "broadcast", "max"])
        }
    }

    // ------------------------------------------------------------------ the states

    /// No exponents are known before the first step; and of the first one A has no gradient, because
    /// B is zero.
    @Test func firstStepsAreComputedTwice() throws {
        let reports = try InProcessRun(ranks: 2).run(1...Self.settled)
        for rank in reports {
            #expect(rank.map(\.sums.computations) == [2, 2, 1, 1])
            #expect(rank.allSatisfy { $0.sums.end == .good })
        }
    }

    /// Numbers that do not fit are computed under larger exponents, and accepted.
    @Test func hugeNumbersOfTheDataAreAccepted() throws {
        let run = try InProcessRun(ranks: 2, fault: "huge:1:\(Self.settled)")
        let reports = try run.run(1...Self.settled)
        for rank in reports {
            #expect(rank.last?.sums.computations == 2)
            #expect(rank.last?.sums.end == .good)
        }
        #expect(run.warnings.lines.isEmpty)
        #expect(run.adapters[0] == run.adapters[1])
    }

    /// NaN, twice alike: the step is rejected, rank and tensor are named, and the run goes on.
    @Test func theSameNaNTwiceIsTheDatasDoing() throws {
        let run = try InProcessRun(ranks: 3, fault: "nan:1:\(Self.settled)")
        _ = try run.run(1...Self.settled - 1)
        let before = run.adapters
        let reports = try run.run(step: Self.settled)
        for report in reports {
            guard case .rejected(let culprit) = report.sums.end else {
                Issue.record("\(report.sums.end)")
                continue
            }
            #expect(culprit.hasPrefix("the gradient of model.layers."), "\(culprit)")
            #expect(culprit.contains(".lora_") && culprit.hasSuffix(" of rank 1"), "\(culprit)")
            #expect(report.sums.computations == 2)
            #expect(report.update == nil && report.closing?.replicasDiffer == false)
            #expect(report.sums.meanLoss.isFinite)
        }
        #expect(run.adapters == before)
        #expect(run.warnings.lines.isEmpty)
        let next = try run.run(step: Self.settled + 1)
        #expect(next.allSatisfy { $0.sums.end == .good && $0.sums.computations == 1 })
        #expect(run.adapters != before)
    }

    /// A fault that does not come again is the machine's: its rank is named, the step begins anew, and
    /// nothing of the fault remains.
    @Test(arguments: ["nan-once:1:4", "huge-once:1:4", "nan-once:0:1", "huge-once:1:2"])
    func aPassingFaultChangesNoBit(fault: String) throws {
        let reference = try InProcessRun(ranks: 1)
        _ = try reference.run(1...6)
        let run = try InProcessRun(ranks: 3, fault: fault)
        let reports = try run.run(1...6)
        let parts = fault.split(separator: ":").compactMap { Int($0) }
        let (rank, step) = (parts[0], parts[1])
        let warning =
            "step \(step): rank \(rank) computed the same slices twice with different results: "
            + "its memory or processor is not to be trusted"
        // Each rank tells its own reporter; in a job only rank 0 has one.
        #expect(run.warnings.lines == [String](repeating: warning, count: 3))
        for reports in reports {
            #expect(reports[step - 1].sums.computations == (step > 2 ? 3 : 4))
            #expect(reports.allSatisfy { $0.sums.end == .good })
        }
        for adapter in run.adapters { #expect(adapter == reference.adapters[0]) }
    }

    /// Other bits each time: the third time ends the job on all ranks alike.
    @Test func aRankThatNeverAgreesWithItselfEndsTheJob() throws {
        let run = try InProcessRun(ranks: 3, fault: "nan-often:1:\(Self.settled)")
        _ = try run.run(1...Self.settled - 1)
        let before = run.adapters
        let faults = try run.onAllRanks { step in
            do {
                _ = try step.run(Self.settled)
                return nil as (any Fault)?
            } catch {
                return error as? any Fault
            }
        }
        for fault in faults {
            #expect(fault?.exitCode == .tryAgain)
            #expect(fault?.problem.hasPrefix("rank 1 computed the same slices twice") == true)
            #expect(fault?.location == "step \(Self.settled)")
        }
        #expect(run.warnings.lines.count == 3 * 3)
        #expect(run.adapters == before)
    }

    /// A rank that is asked to stop before its last slice: nobody waits, nothing has changed.
    @Test func aStopBeforeTheLastSliceAbandonsTheStep() throws {
        let stops = Told()
        let run = try InProcessRun(ranks: 2) { rank, _ in rank == 1 && !stops.lines.isEmpty }
        _ = try run.run(1...Self.settled)
        let before = run.adapters
        stops.add("now")
        let reports = try run.run(step: Self.settled + 1)
        for report in reports {
            #expect(report.sums.end == .abandoned)
            #expect(report.update == nil && report.closing == nil)
        }
        #expect(run.adapters == before)
    }

    /// One that is asked later finishes the step, and all know of it.
    @Test func aStopAfterTheLastSliceEndsTheStepFirst() throws {
        // Rank 1 of 2 computes one of two slices: it asks once before it and once after
        // it, and computes the first step twice.
        let run = try InProcessRun(ranks: 2, settings: ["init-adapter": Self.adapter]) {
            rank, question in rank == 1 && question >= 5
        }
        let reports = try run.run(1...2)
        for rank in reports {
            #expect(rank.map(\.sums.end) == [.good, .good])
            #expect(rank.map(\.sums.isStopRequested) == [false, true])
        }
    }

    /// Its B is not zero, so that the second step is computed once.
    private static let adapter = Programs.fixture("tiny-llama") + "/adapter-qv"

    @Test func aReplicaThatChangedIsSeenByAll() throws {
        let run = try InProcessRun(ranks: 3, fault: "flip:2:3")
        let reports = try run.run(1...3)
        for rank in reports {
            #expect(rank.map { $0.closing?.replicasDiffer } == [false, false, true])
            #expect(rank.allSatisfy { $0.closing?.updateIsFinite == true })
        }
        #expect(run.adapters[2] != run.adapters[0] && run.adapters[1] == run.adapters[0])
    }
}
