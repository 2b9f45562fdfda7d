import Checkpoints
import Faults
import Training
import Words

extension Inspection {
    mutating func describeCheckpoint(_ path: String) throws {
        let record = try CheckpointRecord(path: path)
        add("checkpoint", path)
        describe(record)
        add(
            "files",
            record.files.map { "\($0.name) (\($0.bytes.grouped) bytes)" }.joined(separator: "\n"))
    }

    /// A run: how far it is, and what its newest good checkpoint says.
    mutating func describeRun(_ path: String) throws {
        let records = try RunRecords(path: path)
        add("run", path)
        if let finish = try records.finish() {
            add("state", "finished at step \(finish.step)")
            add("loss", finish.loss.map { "\($0)" } ?? "none")
            add("held-out loss", finish.evaluationLoss.map { "\($0)" } ?? "none")
        } else {
            add("state", "not finished; the same lora-worker command goes on")
        }
        switch records.adapter() {
        case .whole(let digest): add("adapter", "\(path)/adapter (SHA-256 \(digest.prefix(12)))")
        case .damaged(let reason): add("adapter", "DAMAGED: \(reason)".printable)
        case .unfinished: add("adapter", "not written yet")
        }
        let checkpoints = try records.checkpoints()
        add("checkpoints", checkpoints.map(Self.checkpointLine).joined(separator: "\n"))
        if let newest = checkpoints.last(where: { $0.finding == .whole }) {
            describe(try CheckpointRecord(path: newest.path))
        }
    }

    private static func checkpointLine(_ verdict: CheckpointVerdict) -> String {
        switch verdict.finding {
        case .whole: "\(verdict.path) (\(verdict.bytes.grouped) bytes)"
        case .damaged(let reason): "\(verdict.path) DAMAGED: \(reason)".printable
        case .setAside: "\(verdict.path) (set aside as damaged)".printable
        case .unfinished: "\(verdict.path) (left by a killed job)".printable
        case .stranger: "\(verdict.path) (not a checkpoint)".printable
        }
    }

    private mutating func describe(_ record: CheckpointRecord) {
        add("step", "\(record.step) of \(record.totalSteps)")
        add("step's loss", record.loss.map { "\($0)" } ?? "none yet")
        add("step's held-out", record.evaluationLoss.map { "\($0)" } ?? "none yet")
        add("trained for", "\(Int(record.seconds.rounded())) s, last on \(record.worldSize) ranks")
        add("kernels", record.kernels.printable)
        add("run id", record.runID.printable)
        if !record.changes.isEmpty {
            add("changes", record.changes.map(\.printable).joined(separator: "\n"))
        }
        let settings = record.settings.map { "\($0.name): \($0.value)".printable }
        add("settings", settings.joined(separator: "\n"))
    }
}
