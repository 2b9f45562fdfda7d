import Adapters
import Checkpoints
import Foundation
import ProgressReports
import Tensors
import Transformer

/// Saves checkpoints on a thread of its own, from snapshots: training goes on meanwhile.
///
/// While a snapshot is being written another one may wait. Where the disk is slower than training, a
/// newer snapshot takes the place of the one that waits: what is saved is always a whole step, and
/// never more than two saves behind.
///
/// `@unchecked Sendable`: everything that changes is read and written under `condition`, save the
/// snapshot being written, which only the writer's thread has.
final class CheckpointWriter: @unchecked Sendable {
    /// A copy of a run's state after a step.
    struct Snapshot {
        private(set) var document: RunDocument?
        let parameters: FloatBuffer
        let firstMoment: FloatBuffer
        let secondMoment: FloatBuffer
        /// Seconds that the training thread took to make it.
        private(set) var handOverSeconds = 0.0

        init(parameterCount: Int) {
            parameters = FloatBuffer(count: parameterCount)
            firstMoment = FloatBuffer(count: parameterCount)
            secondMoment = FloatBuffer(count: parameterCount)
        }

        mutating func take(_ document: RunDocument, _ state: [FloatBuffer]) {
            let watch = Stopwatch()
            self.document = document
            for (copy, source) in zip([parameters, firstMoment, secondMoment], state) {
                copy.pointer.update(from: source.pointer, count: source.count)
            }
            handOverSeconds = watch.seconds
        }
    }

    private let store: CheckpointStore
    private let runID: String
    private let keep: Int
    private let layout: LowRankLayout
    private let adapterConfiguration: [UInt8]
    private let reporter: ProgressReporter
    private let synchronizeMetrics: @Sendable () -> Void
    private let lease: RunLease
    private let makesArchives: Bool

    private let condition = NSCondition()
    private var free: [Snapshot]
    private var waiting: Snapshot?
    private var isWriting = false
    private var isClosed = false
    private var lastSaved: Int?
    private var archive: [UInt8]?
    private var parentManifest: String?

    init(
        folder: RunFolder, runID: String, keep: Int, adapter: PEFTAdapter,
        reporter: ProgressReporter, synchronizeMetrics: @escaping @Sendable () -> Void,
        makesArchives: Bool
    ) {
        lease = folder.lease
        self.makesArchives = makesArchives
        store = folder.store
        parentManifest = folder.checkpoint?.loaded.manifestSHA256
        self.runID = runID
        self.keep = keep
        layout = adapter.parameters.layout
        adapterConfiguration = adapter.configuration.json()
        self.reporter = reporter
        self.synchronizeMetrics = synchronizeMetrics
        free = [Snapshot(parameterCount: layout.parameterCount)]
        let thread = Thread { [self] in work() }
        thread.name = "checkpoints"
        thread.start()
    }

    /// Takes a copy of the state; it will be saved.
    ///
    /// - Parameter state: Parameters, first and second moments.
    func submit(_ document: RunDocument, _ state: [FloatBuffer]) {
        condition.lock()
        defer { condition.unlock() }
        // A second one is made when the first is being written for the first time, never a third.
        var snapshot =
            waiting ?? free.popLast() ?? Snapshot(parameterCount: layout.parameterCount)
        snapshot.take(document, state)
        waiting = snapshot
        condition.broadcast()
    }

    /// Waits until everything that was submitted has been saved or has failed.
    ///
    /// - Returns: The last step that is durable; `nil` if none was saved.
    func drain() -> Int? {
        condition.lock()
        defer { condition.unlock() }
        while waiting != nil || isWriting { condition.wait() }
        return lastSaved
    }

    /// The newest checkpoint that is durable here and has not been taken, for other hosts.
    func takeArchive() -> [UInt8]? {
        condition.lock()
        defer { condition.unlock() }
        defer { archive = nil }
        return archive
    }

    /// Whether ``takeArchive()`` has something to give.
    var hasArchive: Bool {
        condition.lock()
        defer { condition.unlock() }
        return archive != nil
    }

    /// Ends the thread; what was submitted is saved before.
    func close() {
        condition.lock()
        isClosed = true
        condition.broadcast()
        condition.unlock()
    }

    private func work() {
        condition.lock()
        while true {
            while waiting == nil && !isClosed { condition.wait() }
            guard let snapshot = waiting else { break }
            waiting = nil
            isWriting = true
            condition.unlock()
            let saved = snapshot.document.flatMap { save(snapshot, $0) ? $0.step : nil }
            condition.lock()
            lastSaved = saved ?? lastSaved
            free.append(snapshot)
            isWriting = false
            condition.broadcast()
        }
        condition.unlock()
    }

    /// Saves, reads back and prunes; a failure is reported and training goes on.
    private func save(_ snapshot: Snapshot, _ document: RunDocument) -> Bool {
        let step = document.step
        let watch = Stopwatch()
        let processorSeconds = Self.threadSeconds
        do {
            let saved = try write(snapshot, document)
            parentManifest = saved.manifestSHA256
            prune(step: step)
            offer(saved)
            reporter.report(
                .checkpoint(
                    .init(
                        step: step, path: saved.path, bytes: saved.bytes, seconds: watch.seconds,
                        manifestSHA256: saved.manifestSHA256,
                        handOverSeconds: snapshot.handOverSeconds,
                        processorSeconds: Self.threadSeconds - processorSeconds)))
            return true
        } catch {
            warn(step: step, "checkpoint not saved: \(error)")
            return false
        }
    }

    /// Reads the checkpoint back for the hosts that keep copies.
    private func offer(_ saved: SavedCheckpoint) {
        guard makesArchives else { return }
        do {
            let loaded = try CheckpointStore.load(checkpointAt: saved.path)
            let bytes = CheckpointArchive(loaded).encoded()
            condition.lock()
            archive = bytes
            condition.unlock()
        } catch {
            warn(step: saved.step, "the checkpoint was not copied to other hosts: \(error)")
        }
    }

    private func write(
        _ snapshot: Snapshot, _ document: RunDocument
    ) throws -> SavedCheckpoint {
        // A durable checkpoint must not know more steps than the record of them.
        synchronizeMetrics()
        // The adapter's two files make every checkpoint a PEFT folder too.
        return try store.save(
            step: document.step, runID: runID, parent: parentManifest,
            document: try document.encoded(),
            files: [
                CheckpointFile(name: PEFTAdapter.configurationName, bytes: adapterConfiguration),
                CheckpointFile(
                    name: PEFTAdapter.weightsName,
                    bytes: try layout.parameterSet.safetensors(snapshot.parameters)),
                CheckpointFile(
                    name: RunFolder.firstMomentName,
                    bytes: try layout.parameterSet.safetensors(snapshot.firstMoment)),
                CheckpointFile(
                    name: RunFolder.secondMomentName,
                    bytes: try layout.parameterSet.safetensors(snapshot.secondMoment)),
            ],
            mayPublish: lease.check)
    }

    /// Reads the newest back from the disk before anything older goes.
    private func prune(step: Int) {
        do {
            _ = try store.prune(keeping: keep)
        } catch {
            warn(step: step, "an old checkpoint could not be removed: \(error)")
        }
    }

    private func warn(step: Int, _ message: String) {
        reporter.report(.warning(.init(step: step, message: message)))
    }

    /// Processor time of the calling thread.
    private static var threadSeconds: Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
