import Faults
import Foundation

/// The nodes that Slurm has given to the job that this process is part of.
///
/// Source: sbatch(1), "Output environment variables".
public struct SlurmAllocation: Sendable, Equatable {
    /// In Slurm's order, with the tasks of each as slots.
    public let hosts: Hostfile

    /// Ranks that the job asked for, on all nodes together.
    public var tasks: Int { hosts.hosts.slots ?? 0 }

    /// - Parameter environment: Of this process.
    /// - Returns: `nil` outside a job.
    /// - Throws: ``SupervisionError`` naming the variable that is not understood.
    public init?(environment: [String: String]) throws(SupervisionError) {
        guard environment["SLURM_JOB_ID"] != nil, let list = environment["SLURM_JOB_NODELIST"]
        else { return nil }
        try self.init(
            names: Self.names(list), tasksPerNode: environment["SLURM_TASKS_PER_NODE"] ?? "1")
    }

    /// - Parameters:
    ///   - names: The nodes.
    ///   - tasksPerNode: As Slurm writes it: `2(x3),1` are three nodes of two tasks and one of one; a
    ///     single number counts for all.
    public init(names: [String], tasksPerNode: String) throws(SupervisionError) {
        var counts: [Int] = []
        for part in tasksPerNode.split(separator: ",") {
            let words = part.split { "(x)".contains($0) }.map { Int($0) }
            guard words.count == (part.hasSuffix(")") ? 2 : 1),
                !part.contains("(") || words.count == 2,
                let tasks = words[0], tasks > 0,
                let times = words.count == 2 ? words[1] : 1, (1...names.count).contains(times)
            else {
                throw SupervisionError(
                    "SLURM_TASKS_PER_NODE", "is '\(tasksPerNode)', which is not understood",
                    hint: "Give --hosts with a hostfile")
            }
            counts += [Int](repeating: tasks, count: times)
        }
        if counts.count == 1 { counts = [Int](repeating: counts[0], count: names.count) }
        guard counts.count == names.count else {
            throw SupervisionError(
                "SLURM_TASKS_PER_NODE",
                "is '\(tasksPerNode)', and the job has \(names.count) nodes",
                hint: "Give --hosts with a hostfile")
        }
        hosts = Hostfile(
            hosts: zip(names, counts).map { Hostfile.Host(name: $0, slots: $1) })
    }

    /// The names behind `node[1-3,7]`.
    private static func names(_ list: String) throws(SupervisionError) -> [String] {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["scontrol", "show", "hostnames", list]
        let output = Pipe()
        process.standardOutput = output
        process.standardInput = FileHandle.nullDevice
        let advice = "Give --hosts with a hostfile"
        do {
            try process.run()
        } catch {
            throw SupervisionError("scontrol", "cannot be started", hint: advice)
        }
        let text = String(
            decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        let names = text.split(whereSeparator: \.isNewline).map(String.init)
        guard process.terminationStatus == 0, !names.isEmpty else {
            throw SupervisionError(
                "scontrol", "does not know the nodes of '\(list)' (SLURM_JOB_NODELIST)",
                hint: advice)
        }
        return names
    }
}
