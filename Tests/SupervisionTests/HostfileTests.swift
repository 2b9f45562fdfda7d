import Foundation
import Supervision
import TestSupport
import Testing

@Suite struct HostfileTests {
    private func read(_ text: String) throws -> [Hostfile.Host] {
        try Programs.withScratchFolder { scratch in
            try Data(text.utf8).write(to: URL(fileURLWithPath: scratch + "/hosts"))
            return try Hostfile(path: scratch + "/hosts").hosts
        }
    }

    @Test func readsWhatOpenMPIReads() throws {
        #expect(
            try read("# ours\nnode1 slots=8\n\n  node2   # the old one\n10.0.0.3 slots=2\n") == [
                .init(name: "node1", slots: 8), .init(name: "node2", slots: 1),
                .init(name: "10.0.0.3", slots: 2),
            ])
    }

    @Test(arguments: [
        ("node1 slots=0\n", ":1"), ("node1\nnode1\n", ":2"), ("node1 cores=2\n", ":1"),
        ("--version\n", ":1"), ("# nothing\n", "hosts"),
    ])
    func refusesByLine(_ text: String, _ place: String) {
        let error = #expect(throws: SupervisionError.self) { try read(text) }
        #expect(error?.location?.hasSuffix(place) == true, "\(String(describing: error))")
    }

    /// The command on fewer hosts asks for no more ranks than they take.
    @Test func commandFollowsTheHosts() {
        let hosts = [Hostfile.Host(name: "a", slots: 2), Hostfile.Host(name: "b", slots: 2)]
        let plan = LaunchPlan(
            ranks: 4, hostfile: Hostfile(hosts: hosts), program: ["lora-worker"], out: "run")
        let all = plan.command(on: hosts).joined(separator: " ")
        #expect(all.contains("--host a:2,b:2 -n 4 lora-worker"))
        #expect(all.contains("oob_tcp_keepalive_time 5"))
        #expect(!all.contains("enable-recovery"))
        #expect(plan.command(on: [hosts[1]]).joined(separator: " ").contains("--host b:2 -n 2"))
    }
}
