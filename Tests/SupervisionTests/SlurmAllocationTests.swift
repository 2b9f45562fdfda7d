import Supervision
import Testing

@Suite struct SlurmAllocationTests {
    private func slots(_ nodes: Int, _ tasks: String) throws -> [Int] {
        try SlurmAllocation(names: (0..<nodes).map { "node\($0)" }, tasksPerNode: tasks)
            .hosts.hosts.compactMap(\.slots)
    }

    /// The forms that sbatch(1) names.
    @Test func readsTasksPerNode() throws {
        #expect(try slots(4, "2(x3),1") == [2, 2, 2, 1])
        #expect(try slots(1, "8") == [8])
        #expect(try slots(3, "1") == [1, 1, 1])
        #expect(try slots(2, "4,2") == [4, 2])
        #expect(try slots(5, "1,16(x2),3(x2)") == [1, 16, 16, 3, 3])
    }

    @Test func countsTasks() throws {
        let allocation = try SlurmAllocation(names: ["a", "b", "c"], tasksPerNode: "2(x2),1")
        #expect(allocation.tasks == 5)
        #expect(allocation.hosts.hosts.map(\.name) == ["a", "b", "c"])
    }

    @Test(arguments: [
        "", "x", "0", "-1", "2(x", "2(x0)", "2(x9)", "2(y3)", "1,1", "2(x3),1,1",
        "99999999999999999999",
    ])
    func refusesWhatItDoesNotUnderstand(text: String) {
        #expect(throws: SupervisionError.self) { try slots(4, text) }
    }

    @Test func outsideOfJobsThereIsNone() throws {
        #expect(try SlurmAllocation(environment: ["PATH": "/bin"]) == nil)
        #expect(try SlurmAllocation(environment: ["SLURM_JOB_ID": "3"]) == nil)
    }
}
