import Faults
import Foundation
import Supervision
import Testing

@Suite struct LaunchPlanTests {
    private let a = Hostfile.Host(name: "a", slots: 2)
    private let b = Hostfile.Host(name: "b", slots: 2)

    private func plan(
        _ ranks: Int, _ hosts: [Hostfile.Host], _ arguments: [String] = []
    ) -> LaunchPlan {
        LaunchPlan(
            ranks: ranks, hostfile: Hostfile(hosts: hosts), program: ["lora-worker"], out: "run",
            mpirunArguments: arguments)
    }

    private func words(_ plan: LaunchPlan, on hosts: [Hostfile.Host]) -> String {
        plan.command(on: hosts).joined(separator: " ")
    }

    /// The command on fewer hosts asks for no more ranks than they take.
    @Test func commandFollowsTheHosts() {
        let plan = plan(4, [a, b])
        let all = words(plan, on: [a, b])
        #expect(all.contains("--host a:2,b:2 -n 4 lora-worker"))
        #expect(all.contains("oob_tcp_keepalive_time 5"))
        #expect(!all.contains("enable-recovery"))
        #expect(!all.contains("keep_fqdn"))
        #expect(words(plan, on: [b]).contains("--host b:2 -n 2"))
    }

    /// mpirun counts the cores and starts all ranks or none; nobody makes them fewer.
    @Test func hostsWithoutSlotsAreCountedByMpirun() {
        let c = Hostfile.Host(name: "c", slots: nil)
        let plan = plan(8, [a, c])
        #expect(words(plan, on: [a, c]).contains("--host a:2,c:auto -n 8"))
        #expect(words(plan, on: [c]).contains("--host c:auto -n 8"))
        let free = plan.command(on: [c], takesWhatThereIs: true).joined(separator: " ")
        #expect(free.hasSuffix("--host c:auto lora-worker"))
        #expect(throws: Never.self) { try plan.requireSlots() }
    }

    /// mpirun would cut both at the point and start all ranks on one host.
    @Test func namesWithPointsStayWhole() {
        let hosts = ["node1.east", "node1.west"].map { Hostfile.Host(name: $0, slots: 1) }
        #expect(words(plan(2, hosts), on: hosts).contains("orte_keep_fqdn_hostnames 1"))
        let address = [Hostfile.Host(name: "10.0.0.3", slots: 1)]
        #expect(!words(plan(1, address), on: address).contains("keep_fqdn"))
    }

    @Test func moreRanksThanSlotsAreRefused() {
        let error = #expect(throws: SupervisionError.self) {
            try plan(8, [a, b]).requireSlots()
        }
        #expect(error?.location == "--ranks")
        #expect(error?.exitCode == .badInput)
        for word in ["8", "4 slots", "a 2, b 2", "--oversubscribe"] {
            #expect(error?.description.contains(word) == true, "\(word)")
        }
        #expect(throws: Never.self) { try plan(4, [a, b]).requireSlots() }
        #expect(throws: SupervisionError.self) {
            try plan(5, [a, b], ["--nooversubscribe"]).requireSlots()
        }
    }

    /// With leave to share cores all are started, and after a loss each slot keeps as many.
    @Test func oversubscribedRanksAreAllStarted() {
        let plan = plan(8, [a, b], ["--oversubscribe"])
        #expect(throws: Never.self) { try plan.requireSlots() }
        #expect(words(plan, on: [a, b]).contains("--host a:2,b:2 --oversubscribe -n 8"))
        #expect(words(plan, on: [a]).contains("-n 4"))
        let bounded = Hostfile.Host(name: "c", slots: 1, mostSlots: 2)
        let error = #expect(throws: SupervisionError.self) {
            try self.plan(8, [a, bounded], ["--oversubscribe"]).requireSlots()
        }
        #expect(error?.problem.contains("max_slots") == true)
        #expect(throws: Never.self) { try self.plan(3, [a, bounded]).requireSlots() }
    }
}
