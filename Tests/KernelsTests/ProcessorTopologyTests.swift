import Foundation
import Kernels
import Testing

@Suite struct ProcessorTopologyTests {
    /// Two sockets of two cores with two threads each, numbered as Linux does: 0 to 3 are the first
    /// threads of all cores, alternating between the sockets, 4 to 7 the second ones.
    private func makeMachine() throws -> String {
        let root = NSTemporaryDirectory() + "topology-\(UUID().uuidString)"
        for cpu in 0..<8 {
            let socket = cpu % 2
            let core = cpu % 4 / 2
            let folder = "\(root)/cpu/cpu\(cpu)"
            try FileManager.default.createDirectory(
                atPath: folder + "/topology", withIntermediateDirectories: true)
            try FileManager.default.createDirectory(
                atPath: folder + "/node\(socket)", withIntermediateDirectories: true)
            try "\(socket)\n".write(
                toFile: folder + "/topology/physical_package_id", atomically: false, encoding: .utf8
            )
            try "\(core)\n".write(
                toFile: folder + "/topology/core_id", atomically: false, encoding: .utf8)
        }
        return root
    }

    @Test func neighboursShareCoreAndMemory() throws {
        let root = try makeMachine()
        defer { try? FileManager.default.removeItem(atPath: root) }
        let topology = ProcessorTopology(processors: Array(0..<8), root: root)
        #expect(topology.ordered(Array(0..<8)) == [0, 4, 2, 6, 1, 5, 3, 7])
        #expect((0..<8).map(topology.node) == [0, 1, 0, 1, 0, 1, 0, 1])
    }

    @Test func whatIsNotToldChangesNoOrder() {
        let topology = ProcessorTopology(processors: [3, 1, 2], root: "/nowhere")
        #expect(topology.ordered([3, 1, 2]) == [1, 2, 3])
    }
}
