public import Foundation
import JSON
import Synchronization

/// A real `mpirun lora-worker`, watched from outside.
public struct WorkerRun: Sendable {
    public struct Step: Sendable, Equatable {
        public let step: Int
        public let tokens: Int
        public let targetTokens: Int
        public let seconds: Double
        public let computeSeconds: Double
        public let reduceSeconds: Double
        public let updateSeconds: Double
    }

    public let steps: [Step]
    /// Peak of the proportional sets of all ranks together.
    public let peakProportionalBytes: Int
    /// Peak of the ranks' own pages together, with the largest rank's shareable pages once: what the
    /// ranks take where nobody else uses the same libraries.
    public let peakNodeBytes: Int
    /// Peak of the resident set of the largest rank.
    public let peakResidentBytes: Int
    /// What the kernel counts as mapped from the model's files in all ranks, proportionally.
    public let peakModelBytes: Int

    /// Runs a job to its end.
    ///
    /// - Parameters:
    ///   - program: Path of `lora-worker`.
    ///   - ranks: How many.
    ///   - arguments: Its flags, without `--out`: the run's folder is made and removed here.
    ///   - environment: Of `mpirun`.
    ///   - modelPath: Prefix of the model's files, to tell their pages apart; `nil` not to.
    /// - Throws: ``OperationsError`` with the job's last words if it fails.
    public init(
        program: String, ranks: Int, arguments: [String],
        environment: [String: String] = ProcessInfo.processInfo.environment,
        modelPath: String? = nil
    ) throws {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("lora-bench-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        guard FileManager.default.createFile(atPath: folder + "/log", contents: nil),
            let log = FileHandle(forWritingAtPath: folder + "/log")
        else {
            throw OperationsError(folder, "cannot be written")
        }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments =
            ["mpirun", "--oversubscribe", "-n", "\(ranks)", program] + arguments
            + ["--out", folder + "/run"]
        process.environment = environment
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = log
        process.standardError = log
        do {
            try process.run()
        } catch {
            throw OperationsError("mpirun", "cannot be started (\(error.localizedDescription))")
        }
        var peaks = Peaks()
        while process.isRunning {
            peaks.look(at: Self.workers(below: process.processIdentifier), modelPath: modelPath)
            usleep(50_000)
        }
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            let text = (try? String(contentsOfFile: folder + "/log", encoding: .utf8)) ?? ""
            let words = text.split(separator: "\n").filter { !$0.allSatisfy { "- ".contains($0) } }
            throw OperationsError(
                "mpirun -n \(ranks)",
                "ended with code \(process.terminationStatus): "
                    + words.suffix(6).joined(separator: " / "),
                hint: "As root, set OMPI_ALLOW_RUN_AS_ROOT=1 and "
                    + "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1")
        }
        steps = try Self.steps(metrics: folder + "/run/metrics.jsonl")
        peakProportionalBytes = peaks.proportional
        peakNodeBytes = peaks.node
        peakResidentBytes = peaks.resident
        peakModelBytes = peaks.model
    }

    private struct Peaks {
        var (proportional, node, resident, model) = (0, 0, 0, 0)

        mutating func look(at processes: [Int32], modelPath: String?) {
            let memories = processes.compactMap { ProcessMemory.now(of: $0) }
            let largest = memories.map(\.resident).max() ?? 0
            let shareable = memories.map(\.shareable).max() ?? 0
            resident = max(resident, largest)
            proportional = max(proportional, memories.reduce(0) { $0 + $1.proportional })
            node = max(node, memories.reduce(shareable) { $0 + $1.anonymous })
            guard let modelPath else { return }
            model = max(
                model,
                processes.reduce(0) {
                    $0 + (ProcessMemory.proportional(of: $1, mappedFrom: modelPath) ?? 0)
                })
        }
    }

    /// Ids of the `lora-worker` processes that `launcher` has started.
    private static func workers(below launcher: Int32) -> [Int32] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { Int32($0) }.filter { process in
            guard
                let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
                text.contains("(lora-worker)"), let end = text.lastIndex(of: ")")
            else { return false }
            let fields = text[end...].split(separator: " ")
            return fields.count > 2 && fields[2] == "\(launcher)"
        }
    }

    /// The steps that `metrics.jsonl` records.
    private static func steps(metrics path: String) throws -> [Step] {
        let text = try String(contentsOfFile: path, encoding: .utf8)
        return try text.split(separator: "\n").compactMap { line in
            guard let fields = try JSONValue(json: Array(line.utf8)).members,
                fields["kind"] == "step"
            else { return nil }
            func number(_ name: String) -> Double { fields[name]?.double ?? 0 }
            let (tokens, rate) = (number("tokens"), number("tokens_per_second"))
            return Step(
                step: Int(number("step")), tokens: Int(tokens),
                targetTokens: Int(number("target_tokens")),
                seconds: rate > 0 ? tokens / rate : 0,
                computeSeconds: number("compute_seconds"),
                reduceSeconds: number("reduce_seconds"),
                updateSeconds: number("update_seconds"))
        }
    }
}
