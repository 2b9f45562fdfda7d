import Collectives
import Diagnosis
import Foundation
import Supervision
import Testing

/// A report that has nothing wrong, with some fields replaced.
private func report(_ changes: [String: Any] = [:]) throws -> HostReport {
    var fields: [String: Any] = [
        "name": "node1", "program": "aa", "kernelLevel": "avx2", "hasOpenBLAS": true,
        "openBLAS": "OpenBLAS 0.3.21 Haswell, avx2, numerics 2", "cores": 8,
        "availableMemoryBytes": 8 << 30, "freeDiskBytes": 100 << 30, "fsyncSeconds": 0.002,
        "fingerprints": ["/m": "11", "/d": "22"], "unreadable": [String: String](),
        "beganUnixSeconds": 1000.1, "endedUnixSeconds": 1000.4,
    ]
    fields.merge(changes) { $1 }
    fields = fields.filter { !($0.value is NSNull) }
    return try JSONDecoder().decode(
        HostReport.self, from: JSONSerialization.data(withJSONObject: fields))
}

private func findings(
    _ changes: [String: Any], needs: HostNeeds? = nil
) throws -> [Finding] {
    let answer = HostSurvey.Answer(
        host: Hostfile.Host(name: "node2", slots: 1), report: .success(try report(changes)),
        askedUnixSeconds: 1000, answeredUnixSeconds: 1000.5)
    return Findings(
        [answer], own: try report(),
        needs: needs
            ?? HostNeeds(memoryBytes: 1 << 30, diskBytes: 1 << 30, hostfile: "hf", kernelLevel: nil)
    ).all
}

@Suite struct FindingsTests {
    @Test func nothingIsFoundWhereNothingIsWrong() throws {
        #expect(try findings([:]).isEmpty)
    }

    @Test func anotherProgramIsTrouble() throws {
        let found = try findings(["program": "bb"])
        #expect(found.count == 1 && found[0].isTrouble && found[0].host == "node2")
        #expect(found[0].mend.contains("distribute hf"))
    }

    @Test func otherDataAreNamed() throws {
        let found = try findings(["fingerprints": ["/m": "11", "/d": "23"]])
        #expect(found.count == 1 && found[0].what.contains("/d") && found[0].isTrouble)
        let missing = try findings([
            "fingerprints": ["/m": "11"], "unreadable": ["/d": "no such file"],
        ])
        #expect(missing.count == 1 && missing[0].what.contains("cannot read /d"))
    }

    @Test func memoryAndDiskAreHeldAgainstThePlan() throws {
        #expect(try findings(["availableMemoryBytes": 1 << 29])[0].what.contains("memory"))
        #expect(try findings(["freeDiskBytes": 1 << 29])[0].what.contains("disk"))
        let unknown = HostNeeds(
            memoryBytes: nil, diskBytes: nil, hostfile: "hf", kernelLevel: nil)
        #expect(try findings(["availableMemoryBytes": 1], needs: unknown).isEmpty)
    }

    @Test func aFolderThatCannotBeWrittenIsTrouble() throws {
        let found = try findings(["fsyncSeconds": NSNull()])
        #expect(found.count == 1 && found[0].isTrouble)
        let slow = try findings(["fsyncSeconds": 0.5])
        #expect(slow.count == 1 && !slow[0].isTrouble && slow[0].what.contains("500 ms"))
    }

    /// Asked at 1000, answered at 1000.5: what was said between must lie there.
    @Test(arguments: [
        (1000.1, 1000.4, false), (1001.3, 1001.4, false), (1003.0, 1003.2, true),
        (995.0, 995.2, true),
    ])
    func aClockThatIsOffIsSaid(began: Double, ended: Double, isOff: Bool) throws {
        let found = try findings(["beganUnixSeconds": began, "endedUnixSeconds": ended])
        #expect(found.map(\.isTrouble) == (isOff ? [false] : []))
    }

    @Test func kernelsThatAHostLacksAreTrouble() throws {
        let wanted = HostNeeds(
            memoryBytes: nil, diskBytes: nil, hostfile: "hf", kernelLevel: "avx512")
        let found = try findings([:], needs: wanted)
        #expect(found.count == 1 && found[0].isTrouble && found[0].mend.contains("--kernels avx2"))
    }

    @Test func aHostThatDoesNotAnswerIsToldApartFromOneWithoutTheProgram() throws {
        for (isReached, advice) in [(true, "distribute"), (false, "ssh-copy-id node2")] {
            let answer = HostSurvey.Answer(
                host: Hostfile.Host(name: "node2", slots: 1),
                report: .failure(.init(text: "no", isReached: isReached)),
                askedUnixSeconds: 0, answeredUnixSeconds: 1)
            let found = Findings(
                [answer], own: try report(),
                needs: HostNeeds(
                    memoryBytes: nil, diskBytes: nil, hostfile: "hf", kernelLevel: nil)
            ).all
            #expect(found.count == 1 && found[0].mend.contains(advice))
        }
    }

    @Test func aSlowLinkIsNamed() throws {
        var found = Findings(
            [], own: try report(),
            needs: HostNeeds(
                memoryBytes: nil, diskBytes: nil, hostfile: "hf", kernelLevel: nil))
        let pairs = [(0, 1, 1e9), (0, 2, 1e8), (1, 2, 9e8)].map {
            NetworkProbe.Pair(
                first: $0, second: $1, latencySeconds: 1e-5, bytesPerSecond: $2)
        }
        found.include(pairs, names: ["a", "b", "c"])
        #expect(found.all.count == 1 && found.all[0].what.contains("a and c"))
    }
}

@Suite struct NetworkProbeTests {
    @Test func measuresAllPairs() throws {
        let world = InProcessCommunicator.world(size: 3)
        let results = ResultBox()
        let threads = world.map { communicator in
            let done = DispatchSemaphore(value: 0)
            Thread.detachNewThread {
                if let pairs = try? NetworkProbe.run(communicator), communicator.isCoordinator {
                    results.pairs = pairs
                }
                done.signal()
            }
            return done
        }
        for done in threads { done.wait() }
        #expect(results.pairs.map { [$0.first, $0.second] } == [[0, 1], [0, 2], [1, 2]])
        #expect(results.pairs.allSatisfy { $0.latencySeconds > 0 && $0.bytesPerSecond > 0 })
    }

    private final class ResultBox: @unchecked Sendable {
        var pairs: [NetworkProbe.Pair] = []
    }
}
