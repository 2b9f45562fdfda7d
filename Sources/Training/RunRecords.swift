import Adapters
public import Checkpoints
import Faults
public import Files
import Foundation
import Kernels
public import RunSettings

/// What the files of a run say, for tools that look at it from outside; reads only.
public struct RunRecords: Sendable {
    public let path: String

    /// - Throws: ``ConfigurationError`` if `path` holds neither checkpoints nor a finished run.
    public init(path: String) throws(ConfigurationError) {
        self.path = path
        guard Self.isRun(path) else {
            throw ConfigurationError(
                path, "holds no run of lora-worker: neither checkpoints nor finished.json",
                hint: "Give the folder that was --out")
        }
    }

    /// Whether `path` looks like a run's folder.
    public static func isRun(_ path: String) -> Bool {
        ["checkpoints", "finished.json"].contains {
            FileManager.default.fileExists(atPath: path + "/" + $0)
        }
    }

    /// How a run ended.
    public struct Finish: Sendable, Equatable {
        public let step: Int
        /// Training loss of the last step; `nil` if it was rejected.
        public let loss: Double?
        /// Last held-out loss; `nil` without held-out data.
        public let evaluationLoss: Double?
        public let adapterSHA256: String
    }

    /// The final record, or `nil` if the run has not finished.
    ///
    /// - Throws: ``ConfigurationError`` if `finished.json` cannot be understood.
    public func finish() throws(ConfigurationError) -> Finish? {
        let file = path + "/finished.json"
        guard FileManager.default.fileExists(atPath: file) else { return nil }
        guard let data = FileManager.default.contents(atPath: file),
            let record = try? JSONDecoder().decode(FinalRecord.self, from: data)
        else {
            throw ConfigurationError(
                file, "cannot be understood",
                hint: "Remove it; the same lora-worker command writes it again")
        }
        return Finish(
            step: record.step, loss: record.loss, evaluationLoss: record.evaluationLoss,
            adapterSHA256: record.adapterSHA256)
    }

    /// Compares every byte of every checkpoint with its manifest, oldest first.
    public func checkpoints() throws(FileError) -> [CheckpointVerdict] {
        try CheckpointStore(folder: path + "/checkpoints").verifyAll()
    }

    /// What became of the run's adapter.
    public enum AdapterFinding: Sendable, Equatable {
        /// It is the one that the final record speaks of.
        case whole(sha256: String)
        /// Why it cannot be trusted.
        case damaged(String)
        /// The run has not finished, so there is nothing to compare with.
        case unfinished
    }

    /// Compares `adapter/` with the final record.
    public func adapter() -> AdapterFinding {
        let finish: Finish
        do {
            guard let found = try self.finish() else { return .unfinished }
            finish = found
        } catch {
            return .damaged(error.description)
        }
        let folder = path + "/adapter/"
        do {
            try AdapterChecksums.check(folder: path + "/adapter")
            let digest = try SHA256.digest(ofFile: folder + PEFTAdapter.weightsName).hexadecimal
            guard digest == finish.adapterSHA256 else {
                return .damaged(
                    "\(folder)\(PEFTAdapter.weightsName) has SHA-256 \(digest.prefix(12)), and "
                        + "finished.json says \(finish.adapterSHA256.prefix(12))")
            }
            _ = try AdapterConfiguration(path: folder + PEFTAdapter.configurationName)
            return .whole(sha256: digest)
        } catch {
            return .damaged("\(error)")
        }
    }
}

/// What a checkpoint says of its run.
public struct CheckpointRecord: Sendable {
    public let step: Int
    public let totalSteps: Int
    /// Training loss of its last step and last held-out loss; `nil` before there was one.
    public let loss: Double?
    public let evaluationLoss: Double?
    /// Seconds of training up to here, over all jobs of the run.
    public let seconds: Double
    public let runID: String
    /// Ranks of the job that wrote it.
    public let worldSize: Int
    public let kernels: String
    /// The resolved settings, in the order of ``SettingTable``.
    public let settings: [(name: String, value: String)]
    /// Settings that were allowed to differ from the run's start, as "name: old -> new".
    public let changes: [String]
    /// Names and sizes of its files, sorted.
    public let files: [(name: String, bytes: Int)]

    /// Whether `path` looks like a checkpoint's folder.
    public static func isCheckpoint(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: path + "/MANIFEST.json")
    }

    /// Reads and verifies the checkpoint in the folder `path`.
    ///
    /// - Throws: A ``Fault`` naming the file if it is damaged or of a newer version.
    public init(path: String) throws {
        let loaded = try CheckpointStore.load(checkpointAt: path)
        let document = try RunDocument.decode(loaded.document, path: path)
        step = loaded.step
        totalSteps = document.totalSteps
        loss = document.loss
        evaluationLoss = document.evaluationLoss
        seconds = document.seconds
        runID = loaded.runID
        worldSize = document.worldSize
        kernels = document.kernels.description
        settings = document.settings.map { ($0.name, $0.value) }
        changes = document.changes
        files = loaded.files.map { ($0.key, $0.value.count) }.sorted { $0.0 < $1.0 }
    }
}
