import Adapters
import Checkpoints
import Collectives
import Faults
import Files
import Foundation
import Optimization
import ProgressReports
import RunSettings
import Transformer

/// The folder `--out`, held by one job at a time. Only the coordinator touches it.
final class RunFolder {
    let path: String
    let store: CheckpointStore
    /// The newest valid checkpoint, with its document.
    private(set) var checkpoint: (loaded: LoadedCheckpoint, document: RunDocument)?
    /// The right to write here; see ``RunLease``.
    let lease: RunLease
    /// A checkpoint of another host's that the run goes on from, and its record of steps.
    private(set) var adopted: (archive: CheckpointArchive, history: [UInt8], host: String)?
    private let lock: FileLock
    /// Why the folder's own checkpoints are of no use.
    private var trouble: FileError?

    var adapterPath: String { path + "/adapter" }
    var metricsPath: String { path + "/metrics.jsonl" }
    private var finalRecordPath: String { path + "/finished.json" }

    /// What a job may leave behind before its first checkpoint.
    private static let earlyNames: Set<String> = [
        ".lock", ".lease", "copies", "checkpoints", "metrics.jsonl", "metrics.superseded.jsonl",
        "run.yaml", "spool", "tensorboard",
        // A supervisor's.
        ".launch-lock", "launch.jsonl",
    ]
    /// How the temporary files begin that a job killed while writing leaves behind.
    private static let temporaryPrefixes = [
        "run.yaml", ".lease", "metrics.jsonl", "finished.json", PEFTAdapter.weightsName,
        PEFTAdapter.configurationName, AdapterChecksums.fileName,
    ].map(DurableFiles.temporaryPrefix)

    /// Takes the folder and finds its newest checkpoint; makes it if it does not exist.
    ///
    /// - Parameter ranks: Of this job.
    /// - Throws: A ``Fault`` with exit code 76 if another job writes to it.
    init(path: String, ranks: Int) throws {
        self.path = path
        store = CheckpointStore(folder: path + "/checkpoints")
        do throws(FileError) {
            try DurableFiles.makeFolder(path)
        } catch {
            throw error.advising(elsewhere: "choose another --out")
        }
        if !FileManager.default.fileExists(atPath: path + "/checkpoints") {
            try Self.refuseStrangers(in: path)
        }
        let launch = LaunchStatus.launch
        let holder = LockHolder(process: getpid(), host: hostName, ranks: ranks)
        lock = try Self.takeLock(path + "/.lock", for: holder) {
            RunLease.isHeld(byLaunch: launch, in: path)
        }
        lease = try RunLease(folder: path, host: hostName, launch: launch)
        // Nothing is touched before the command has been found to fit the run.
        do {
            if let loaded = try store.loadNewest(settingAside: false) {
                checkpoint = (loaded, try RunDocument.decode(loaded.document, path: loaded.path))
            }
        } catch let error as FileError where error.exitCode == .badInput {
            // Another host may hold a copy.
            trouble = error
        }
    }

    /// Takes a checkpoint of another host's as the one to go on from; ``accept()`` writes it.
    func adopt(_ archive: CheckpointArchive, history: [UInt8], from host: String) throws {
        let loaded = archive.loaded(in: store)
        checkpoint = (loaded, try RunDocument.decode(loaded.document, path: "copy on \(host)"))
        adopted = (archive, history, host)
    }

    /// Prepares the folder for writing, once it is certain that this job continues the run: sets
    /// damaged checkpoints aside and removes what a killed job left half-written.
    func accept() throws {
        try lease.check()
        if let adopted {
            // What lies here belongs to a history that the run did not take.
            _ = try store.setAside(
                after: adopted.archive.step, reason: "belongs to an earlier attempt")
            try keepSuperseded()
            try DurableFiles.writeDurably(adopted.history, to: metricsPath)
            _ = try adopted.archive.save(to: store)
        }
        if let loaded = try store.loadNewest() {
            checkpoint = (loaded, try RunDocument.decode(loaded.document, path: loaded.path))
        }
        for folder in [path, adapterPath] {
            let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
            for name in names where Self.isTemporary(name) { unlink(folder + "/" + name) }
        }
    }

    /// The own record of steps is not lost where another host's takes its place.
    private func keepSuperseded() throws {
        guard let own = FileManager.default.contents(atPath: metricsPath), !own.isEmpty else {
            return
        }
        try DurableFiles.appendDurably([UInt8](own), to: path + "/metrics.superseded.jsonl")
    }

    /// Gives the folder back to whoever continues the run.
    func release() { lease.release() }

    private static func isTemporary(_ name: String) -> Bool {
        temporaryPrefixes.contains { name.hasPrefix($0) }
    }

    /// Loads parameters and moments of the checkpoint, if there is one.
    func restore(_ parameters: LowRankParameters, _ adam: AdamW) throws {
        guard let path = checkpoint?.loaded.path else { return }
        let layout = parameters.layout
        for (name, buffer) in [
            (PEFTAdapter.weightsName, parameters.buffer),
            (Self.firstMomentName, adam.firstMoment), (Self.secondMomentName, adam.secondMoment),
        ] {
            try layout.parameterSet.read(safetensors: path + "/" + name, into: buffer)
        }
    }

    static let firstMomentName = "first_moment.safetensors"
    static let secondMomentName = "second_moment.safetensors"

    /// Whether the folder's state is what the command expects, once all hosts' copies are known.
    ///
    /// - Throws: A ``Fault`` with exit code 78 if the folder holds something else than a run, or
    ///   checkpoints that `policy` does not want or of which none is valid.
    func check(_ policy: ResumePolicy) throws {
        if checkpoint == nil, let trouble { throw trouble }
        switch policy {
        case .never where checkpoint != nil:
            throw ConfigurationError(
                path, "holds a run already, and --resume is never",
                hint: "Give another --out, or --resume auto to continue it")
        case .must where checkpoint == nil:
            throw ConfigurationError(
                path, "holds no checkpoint, and --resume is must",
                hint: "Check --out, or start a new run with --resume auto")
        default: break
        }
        if checkpoint == nil { try Self.refuseStrangers(in: path) }
    }

    /// A folder without checkpoints must hold nothing else than what a run begins with.
    private static func refuseStrangers(in path: String) throws {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        let strangers = names.filter { !earlyNames.contains($0) && !isTemporary($0) }
        if let stranger = strangers.min() {
            throw ConfigurationError(
                path, "is not empty (\(stranger)) and holds no checkpoint of lora-worker",
                hint: "Give an empty or new folder as --out")
        }
    }

    /// - Parameter mayGoWithout: Whether the holder is known to be over, as it may be on a host that was
    ///   cut off; the lease keeps it from writing.
    private static func takeLock(
        _ path: String, for holder: LockHolder, mayGoWithout: () -> Bool
    ) throws -> FileLock {
        func other() -> LockHolder? { FileLock.holder(of: path).flatMap { LockHolder($0) } }
        // A job that was just killed may hold it for a moment longer.
        var isSaid = false
        for _ in 0..<50 {
            do throws(FileError) {
                if let lock = try FileLock(path: path, orWithout: mayGoWithout) {
                    lock.name(holder.text)
                    return lock
                }
            } catch {
                throw ConfigurationError(
                    path, error.problem, hint: "--out must be a folder that rank 0 may write to")
            }
            // A short run may be over before this job gives up; it was still started wrongly.
            if !isSaid, let other = other(), holder.looksLikeRank(besides: other) {
                isSaid = true
                let text = holder.refused(by: other, at: path).description
                FileHandle.standardError.write(Data("note: waiting: \(text)\n".utf8))
            }
            usleep(100_000)
        }
        throw holder.refused(by: other(), at: path)
    }

    /// The final record, if it stands and the adapter beside it is the one that it speaks of.
    func finalRecord() -> FinalRecord? {
        guard let data = FileManager.default.contents(atPath: finalRecordPath),
            let record = try? JSONDecoder().decode(FinalRecord.self, from: data),
            let digest = try? SHA256.digest(ofFile: adapterPath + "/" + PEFTAdapter.weightsName),
            digest.hexadecimal == record.adapterSHA256,
            FileManager.default.fileExists(
                atPath: adapterPath + "/" + PEFTAdapter.configurationName)
        else { return nil }
        return record
    }

    /// Puts the finished adapter in place, then the final record.
    ///
    /// - Returns: SHA-256 of `adapter_model.safetensors`.
    func finish(_ adapter: PEFTAdapter, record: FinalRecord) throws -> String {
        try lease.check()
        let weights = try adapter.weights()
        var record = record
        record.adapterSHA256 = SHA256.digest(of: weights).hexadecimal
        // File by file: whatever else a person has put there stays.
        try DurableFiles.makeFolder(adapterPath)
        try DurableFiles.writeDurably(weights, to: adapterPath + "/" + PEFTAdapter.weightsName)
        try DurableFiles.writeDurably(
            adapter.configuration.json(), to: adapterPath + "/" + PEFTAdapter.configurationName)
        try DurableFiles.writeDurably(
            AdapterChecksums.text(of: [
                (PEFTAdapter.configurationName, adapter.configuration.json()),
                (PEFTAdapter.weightsName, weights),
            ]), to: adapterPath + "/" + AdapterChecksums.fileName)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        try DurableFiles.writeDurably(
            [UInt8](try encoder.encode(record)) + [10], to: finalRecordPath)
        return record.adapterSHA256
    }

    /// Takes the final record away before a finished run is continued.
    func reopen() throws {
        guard unlink(finalRecordPath) == 0 || errno == ENOENT else {
            throw ConfigurationError(
                finalRecordPath, "cannot be removed (\(String(cString: strerror(errno))))")
        }
    }

    /// Writes settings as `run.yaml`, so that `--config OUT/run.yaml` is this run.
    func writeSettings(_ settings: [RunDocument.Entry]) throws {
        let yaml = SettingValues.yaml(settings.map { ($0.name, $0.value) })
        try DurableFiles.writeDurably([UInt8](yaml.utf8), to: path + "/run.yaml")
    }
}
