import Checkpoints
import Collectives
import Files
import Foundation
import ProgressReports
import RunSettings

/// Checkpoints on more hosts than rank 0's, so that the loss of no single one loses the run.
///
/// On each host whose ranks do not see rank 0's `--out` (no shared storage) the first of them keeps
/// copies below its own, in `OUT/copies/HOST`; `--checkpoint-copies` says how many hosts hold a
/// checkpoint, rank 0's included. When a job starts, the newest checkpoint that any host holds is
/// brought to rank 0: newest by epoch, which each job counts up by one, and then by step.
final class CheckpointCopies {
    private let communicator: any Communicator
    private let hosts: [Host]
    private let keepers: [Int]
    /// On ranks that keep copies.
    private let keeper: CopyKeeper?
    /// How much of the record of steps the keepers have; on rank 0.
    private var historyBytesSent = 0
    /// The highest epoch that any host knows.
    let newestEpoch: Int

    /// What a rank says of its host.
    private struct Host: Codable {
        var name: String
        /// Whether it sees the folder that rank 0 writes to.
        var seesRun: Bool
        /// Of the first rank that sees the same files.
        var newest: Version?

        func sharesFiles(with other: Host) -> Bool {
            seesRun ? other.seesRun : !other.seesRun && name == other.name
        }
    }

    /// Which of two checkpoints of a run is the later one.
    struct Version: Codable, Comparable {
        var epoch: Int
        var step: Int
        var runID: String

        init(_ loaded: LoadedCheckpoint, _ document: RunDocument) {
            (epoch, step, runID) = (document.epoch ?? 0, loaded.step, loaded.runID)
        }

        static func < (left: Version, right: Version) -> Bool {
            (left.epoch, left.step) < (right.epoch, right.step)
        }
    }

    /// Finds what all hosts hold and brings the newest to `folder`, if that is not the folder's own.
    ///
    /// - Note: A collective.
    /// - Parameter folder: On rank 0 only.
    init(
        communicator: any Communicator, agreement: Agreement, configuration: RunConfiguration,
        folder: RunFolder?
    ) throws {
        self.communicator = communicator
        let out = configuration.out
        let token = try communicator.broadcast(bytes: [UInt8]((folder?.lease.token ?? "").utf8))
        let sees =
            communicator.isCoordinator
            || RunLease.isVisible(token: String(decoding: token, as: UTF8.self), in: out)
        let place = try Self.gather(Host(name: hostName, seesRun: sees), communicator)
        let first = place.firstIndex { $0.sharesFiles(with: place[communicator.rank]) }
        let looks = first == communicator.rank
        // Where rank 0 knows the run, another run's left-overs do not count.
        let own = folder?.checkpoint.map { Version($0.loaded, $0.document) }
        let known = try communicator.broadcast(bytes: [UInt8]((own?.runID ?? "").utf8))
        let runID = known.isEmpty ? nil : String(decoding: known, as: UTF8.self)
        let held = looks ? HeldCheckpoint.newest(below: out, ownFolder: !sees, of: runID) : nil
        let hosts = try Self.gather(
            Host(
                name: hostName, seesRun: sees,
                newest: [held?.version, own].compactMap { $0 }.max()), communicator)
        self.hosts = hosts
        newestEpoch = hosts.compactMap(\.newest?.epoch).max() ?? 0

        keepers = Array(
            hosts.indices.filter { rank in
                !hosts[rank].seesRun
                    && hosts.firstIndex { $0.sharesFiles(with: hosts[rank]) } == rank
            }.prefix(configuration.checkpointCopies - 1))
        keeper =
            keepers.contains(communicator.rank)
            ? CopyKeeper(
                folder: HeldCheckpoint.copies(below: out) + "/" + hostName,
                keep: configuration.keep) : nil
        let best = try bringNewest(own: own, held: held)
        try agreement.phase {
            guard let folder, let best else { return }
            try folder.adopt(
                try CheckpointArchive(bytes: best.archive), history: best.history, from: best.host)
        }
    }

    private static func gather(_ own: Host, _ communicator: any Communicator) throws -> [Host] {
        try communicator.allGather(padding: [UInt8](JSONEncoder().encode(own)))
            .map { try JSONDecoder().decode(Host.self, from: Data($0)) }
    }

    /// Whether checkpoints are to be sent at all.
    var isNeeded: Bool { !keepers.isEmpty }

    // ------------------------------------------------------------------ at the start

    /// - Returns: On rank 0, and only if it is not the newest of rank 0's own: the newest of all.
    private func bringNewest(
        own: Version?, held: HeldCheckpoint?
    ) throws -> (archive: [UInt8], history: [UInt8], host: String)? {
        var best: (rank: Int, version: Version)?
        for (rank, host) in hosts.enumerated() {
            if let version = host.newest, best.map({ version > $0.version }) ?? true {
                best = (rank, version)
            }
        }
        guard let best else { return nil }
        if best.rank == 0 {
            guard let held, own.map({ held.version > $0 }) ?? true else { return nil }
            return (held.archive.encoded(), held.history(), hosts[0].name)
        }
        if communicator.rank == best.rank, let held {
            try communicator.send(bytes: held.archive.encoded(), to: 0)
            try communicator.send(bytes: held.history(), to: 0)
        }
        guard communicator.isCoordinator else { return nil }
        let archive = try communicator.receive(from: best.rank)
        let history = try communicator.receive(from: best.rank)
        return (archive, history, hosts[best.rank].name)
    }

    // ------------------------------------------------------------------ while training

    /// Whether this rank still writes the last copy.
    var isBusy: Bool { keeper?.isBusy ?? false }
    /// Whether this rank lacks a part of the record of steps.
    var lacksHistory: Bool { keeper?.lacksHistory ?? false }

    /// Sends a checkpoint to the ranks that keep copies, and lets them write it while training goes on.
    ///
    /// - Note: Called on all ranks alike. Takes as long as the network needs for so many bytes.
    /// - Parameters:
    ///   - archive: On rank 0.
    ///   - metricsPath: The record of steps; what was added since the last call goes along.
    ///   - fromStart: Whether a keeper lacks a part of it.
    func send(_ archive: [UInt8]?, metricsPath: String?, fromStart: Bool) throws {
        if let keeper {
            let archive = try communicator.receive(from: 0)
            let history = try communicator.receive(from: 0)
            keeper.take(archive: archive, history: history)
        } else if let archive, let metricsPath {
            let offset = fromStart ? 0 : historyBytesSent
            let part = Self.lines(of: metricsPath, from: offset)
            let start = withUnsafeBytes(of: UInt64(offset).littleEndian) { [UInt8]($0) }
            for rank in keepers {
                try communicator.send(bytes: archive, to: rank)
                try communicator.send(bytes: start + part, to: rank)
            }
            historyBytesSent = offset + part.count
        }
    }

    /// Waits until what this rank keeps is durable.
    func drain() { keeper?.drain() }

    /// Whole lines of a file from this offset on.
    private static func lines(of path: String, from offset: Int) -> [UInt8] {
        guard let file = FileHandle(forReadingAtPath: path) else { return [] }
        defer { try? file.close() }
        try? file.seek(toOffset: UInt64(offset))
        let bytes = (try? file.readToEnd()).map { [UInt8]($0) } ?? []
        guard let last = bytes.lastIndex(of: 10) else { return [] }
        return Array(bytes[...last])
    }
}

/// The newest checkpoint that a host holds beside rank 0's own.
private struct HeldCheckpoint {
    let version: CheckpointCopies.Version
    let archive: CheckpointArchive
    private let metricsPath: String

    static func copies(below out: String) -> String { out + "/copies" }

    /// - Parameter ownFolder: Whether `out/checkpoints` counts too, from a time when rank 0 was here.
    /// - Parameter runID: The only run that counts; `nil` for any.
    static func newest(below out: String, ownFolder: Bool, of runID: String?) -> HeldCheckpoint? {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: copies(below: out))) ?? []
        var places = names.map { copies(below: out) + "/" + $0 }
        if ownFolder { places.append(out) }
        // What is damaged here is no loss: this is the copy.
        return places.compactMap { place in
            guard
                let loaded = try? CheckpointStore(folder: place + "/checkpoints").loadNewest(
                    settingAside: false),
                let document = try? RunDocument.decode(loaded.document, path: loaded.path),
                runID == nil || runID == loaded.runID
            else { return nil }
            return HeldCheckpoint(
                version: .init(loaded, document), archive: CheckpointArchive(loaded),
                metricsPath: place + "/metrics.jsonl")
        }.max { $0.version < $1.version }
    }

    func history() -> [UInt8] {
        FileManager.default.contents(atPath: metricsPath).map { [UInt8]($0) } ?? []
    }
}

/// Writes copies on a thread of its own, by the protocol of all checkpoints.
///
/// `@unchecked Sendable`: everything that changes is read and written under `lock`, save the
/// files, which only the queue's thread touches.
private final class CopyKeeper: @unchecked Sendable {
    private let folder: String
    private let store: CheckpointStore
    private let keep: Int
    private let queue = DispatchQueue(label: "copies")
    private let lock = NSLock()
    private var waiting = 0
    private var lacks = false
    private var hasWarned = false

    init(folder: String, keep: Int) {
        self.folder = folder
        self.keep = keep
        store = CheckpointStore(folder: folder + "/checkpoints")
    }

    var isBusy: Bool { lock.withLock { waiting > 0 } }
    var lacksHistory: Bool { lock.withLock { lacks } }

    /// - Parameter history: 8 bytes that say where in the record of steps the rest belongs.
    func take(archive: [UInt8], history: [UInt8]) {
        lock.withLock { waiting += 1 }
        queue.async { [self] in
            let isWhole = write(archive, history)
            lock.withLock {
                waiting -= 1
                lacks = !isWhole
            }
        }
    }

    func drain() { queue.sync {} }

    /// - Returns: Whether the record of steps is whole up to here.
    private func write(_ archive: [UInt8], _ history: [UInt8]) -> Bool {
        do {
            try DurableFiles.makeFolder(folder, permissions: 0o700)
            guard try append(history) else { return false }
            _ = try CheckpointArchive(bytes: archive).save(to: store)
            _ = try store.prune(keeping: keep)
            return true
        } catch {
            warn("a copy of a checkpoint could not be kept: \(error)")
            return false
        }
    }

    /// - Returns: `false` if a part before these bytes is missing.
    private func append(_ history: [UInt8]) throws -> Bool {
        let path = folder + "/metrics.jsonl"
        let offset = history.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        let part = Array(history.dropFirst(8))
        if offset == 0 {
            try DurableFiles.writeDurably(part, to: path)
            return true
        }
        var status = stat()
        guard stat(path, &status) == 0, status.st_size >= offset else { return false }
        guard truncate(path, off_t(offset)) == 0 else { return false }
        try DurableFiles.appendDurably(part, to: path)
        return true
    }

    private func warn(_ message: String) {
        guard !hasWarned else { return }
        hasWarned = true
        let line = "warning: \(hostName): \(message)\n"
        FileHandle.standardError.write(Data(line.utf8))
    }
}
