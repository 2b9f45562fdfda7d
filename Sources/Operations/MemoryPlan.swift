import Faults
import Files
import Kernels
import ModelFiles
import Slices
import Tensors
import Training
import Transformer

/// The memory that a run will use on one node.
///
/// Pages of files that are only read once at the start (for their hash) are left out: they belong to
/// the page cache. Nothing here is a constant: the process, MPI, the tokenizer and the data are measured in this
/// process after reading what a rank reads; a lane is built for the largest slice of the run, and
/// its buffers are counted.
public struct MemoryPlan: Sendable, Equatable {
    /// The most that a rank takes while it reads its files, before it has lanes.
    public let loadingBytes: Int
    /// Pages of files that the ranks of a node share: the base model's, the program's, libraries'.
    public let sharedBytes: Int
    /// Of `sharedBytes`, what the base model takes at most: the size of its files.
    public let modelFileBytes: Int
    /// A process before its lanes compute: heap, libraries' data, MPI, tokenizer, samples, adapter.
    public let processBytes: Int
    /// Each rank's lanes together, in order of rank.
    public let laneBytesByRank: [Int]
    /// What rank 0 has beside the others: gradient, moments, a checkpoint while it is saved.
    public let coordinatorBytes: Int
    /// MPI's copy of the sums while it reduces them; 0 for a single rank.
    public let reduceBytes: Int

    /// Bytes that only `rank` maps.
    public func privateBytes(rank: Int) -> Int {
        processBytes + laneBytesByRank[rank] + reduceBytes + (rank == 0 ? coordinatorBytes : 0)
    }

    /// Bytes of all ranks of a node together, shared pages once, when they take most.
    public var nodeBytes: Int {
        let training = laneBytesByRank.indices.reduce(0) { $0 + privateBytes(rank: $1) }
        return sharedBytes + max(loadingBytes * laneBytesByRank.count, training)
    }

    /// Bytes of the largest rank, with its part of what is shared.
    public var largestRankBytes: Int {
        let largest = laneBytesByRank.indices.map { privateBytes(rank: $0) }.max() ?? 0
        let ranks = max(1, laneBytesByRank.count)
        return max(loadingBytes, largest) + sharedBytes / ranks
    }
}

/// Measures what a ``MemoryPlan`` is made of.
struct MemoryMeasurement {
    let model: LanguageModel<Backend>
    /// Every rank has one.
    private let sum: ExactSum
    /// Anonymous bytes after reading what a rank reads.
    private let before: ProcessMemory
    /// Bytes that a lane takes beside its buffers (the product library's own), less what of its
    /// buffers a slice does not touch.
    private let overheadPerLane: Int
    private let sharedBytes: Int
    private let run: RunRehearsal
    private let loadingBytes: Int

    /// Computes one slice, so that all has been touched that a rank touches.
    ///
    /// - Precondition: No lane has computed in this process before.
    ///
    /// - Parameter loadingBytes: The most that was anonymous while `run` read its files.
    init(_ run: RunRehearsal, loadingBytes: Int) throws {
        self.run = run
        self.loadingBytes = loadingBytes
        model = try run.languageModel()
        let parameters = run.makeParameters()
        sum = ExactSum(tensors: run.layout.parameterSet.ranges)
        before = try Self.now()
        guard let slice = run.slices(step: 1).max(by: { $0.computedTokens < $1.computedTokens })
        else {
            throw OperationsError("--data", "holds no sample")
        }
        var bounds = SliceBounds()
        bounds.include(run.packed(slice))
        let live = FloatBuffer.liveByteCount
        let lane = try run.makeLane(bounds)
        let counted = FloatBuffer.liveByteCount - live
        try run.embedAllTokens()
        let losses = run.compute(slice, parameters, on: lane)
        guard losses.allSatisfy(\.isFinite) else {
            throw OperationsError("--model", "gives a loss that is not finite")
        }
        let after = try Self.now()
        overheadPerLane = after.anonymous - before.anonymous - counted
        sharedBytes = after.shareable
        withExtendedLifetime(lane) {}
    }

    private static func now() throws(OperationsError) -> ProcessMemory {
        guard let memory = ProcessMemory.now() else {
            throw OperationsError(
                "/proc/self/smaps_rollup", "cannot be read",
                hint: "Memory can only be measured on Linux 4.14 or newer")
        }
        return memory
    }

    /// - Parameters:
    ///   - census: Of as many ranks as the node has, or of all.
    ///   - ranksOnNode: The first so many ranks of the census.
    func plan(_ census: SliceCensus, ranksOnNode: Int, ranks: Int) throws -> MemoryPlan {
        var known: [SliceBounds: Int] = [:]
        let lanes = try census.boundsByRank.prefix(ranksOnNode).map { bounds in
            try bounds.reduce(0) { total, bounds in
                let bytes = try known[bounds] ?? laneBytes(bounds)
                known[bounds] = bytes
                return total + bytes
            }
        }
        let live = FloatBuffer.liveByteCount
        let coordinator = run.makeCoordinatorState()
        let state = FloatBuffer.liveByteCount - live
        let unsaved = try Self.now().anonymous
        let (files, saving) = try PeakMemory.anonymous { try run.checkpointFiles() }
        let checkpoint = max(files.reduce(0) { $0 + $1.count }, saving - unsaved)
        withExtendedLifetime(coordinator) {}
        let parameters = run.layout.parameterCount
        return MemoryPlan(
            loadingBytes: loadingBytes, sharedBytes: sharedBytes,
            modelFileBytes: run.model.files.reduce(0) { $0 + $1.bytes.count },
            processBytes: max(before.anonymous, 0), laneBytesByRank: lanes,
            coordinatorBytes: state + checkpoint,
            reduceBytes: ranks > 1 ? parameters * MemoryLayout<Int64>.stride : 0)
    }

    /// A lane for slices within `bounds`: its buffers, counted without being touched.
    private func laneBytes(_ bounds: SliceBounds) throws -> Int {
        let live = FloatBuffer.liveByteCount
        let lane = try run.makeLane(bounds)
        let counted = FloatBuffer.liveByteCount - live
        withExtendedLifetime(lane) {}
        return max(0, counted + overheadPerLane)
    }
}
