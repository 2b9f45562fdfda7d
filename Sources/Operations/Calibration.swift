import Kernels
import ModelFiles
import Slices
import Training
import Transformer

/// How fast this machine computes the slices of a run.
public struct Calibration: Sendable, Equatable {
    /// Lanes that computed at the same time.
    public let lanes: Int
    public let slices: Int
    /// Operations of matrix products a second, of each lane while all compute.
    public let operationsPerSecondOfLane: Double
    /// Rank 0's part between reduction and broadcast.
    public let updateSeconds: Double

    /// Computes slices of the run until the time is up.
    ///
    /// - Parameters:
    ///   - rank: A rank that has become the coordinator.
    ///   - lanes: Lanes that compute at the same time: those of the node, or fewer where it has
    ///     fewer cores.
    ///   - seconds: How long; every lane computes two slices at least, the first one uncounted.
    ///   - progress: Called with the seconds that are spent and those that were given.
    init(
        _ run: RunRehearsal, _ rank: RehearsedRank, lanes: Int, seconds limit: Double,
        progress: (_ done: Int, _ total: Int) -> Void
    ) {
        let slices = run.firstSlices(atLeast: 2 * lanes)
        var bounds = SliceBounds()
        for slice in slices { bounds.include(run.packed(slice)) }
        let pool = rank.makeLanes(lanes, bounds)
        let operations = slices.map { run.products(of: $0).operations() }
        var (spent, done, work) = (0.0, 0, 0.0)
        // The first round touches memory and is not counted.
        _ = rank.compute(Array(slices.prefix(lanes)), on: pool)
        repeat {
            // As many slices as lanes, so that none waits long for another.
            let indices = (0..<lanes).map { (done + $0) % slices.count }
            spent += rank.compute(indices.map { slices[$0] }, on: pool).seconds
            work += indices.reduce(0) { $0 + operations[$1] }
            done += lanes
            progress(Int(spent * 10), Int(limit * 10))
        } while spent < limit
        self.lanes = lanes
        self.slices = done
        operationsPerSecondOfLane = work / spent / Double(lanes)
        updateSeconds =
            (0..<3).map { _ in
                rank.update(slicesInStep: slices.count, targetTokens: 1)
            }.min() ?? 0
    }
}

extension RunRehearsal {
    /// The slices of the first steps.
    func firstSlices(atLeast count: Int) -> [SliceRule.Part] {
        var found: [SliceRule.Part] = []
        var step = 1
        repeat {
            found += slices(step: step)
            step += 1
        } while found.count < count && step <= totalSteps
        return found
    }

    /// The matrix products of a slice.
    func products(of slice: SliceRule.Part) -> StepProducts {
        StepProducts(
            model: model.configuration, layout: layout, slice: SliceWork(packed(slice)),
            recomputes: recomputes)
    }
}

/// The time that a step will take, on the average of some steps of the run.
public struct StepTime: Sendable, Equatable {
    public let computeSeconds: Double
    public let updateSeconds: Double

    /// Steps that are looked at.
    private static let steps = 32

    /// - Parameters:
    ///   - ranks: Ranks of the run.
    ///   - lanes: Lanes of each.
    ///   - coresForEachLane: Less than 1 where lanes share cores.
    init(
        _ run: RunRehearsal, _ calibration: Calibration, ranks: Int, lanes: Int,
        coresForEachLane: Double
    ) {
        let speed = calibration.operationsPerSecondOfLane * min(1, coresForEachLane)
        var total = 0.0
        let steps = min(Self.steps, run.totalSteps)
        for step in 1...max(1, steps) {
            let parts = run.assigned(run.slices(step: step), ranks: ranks, lanes: lanes)
            total += parts.map { Self.longestLane(run, $0, lanes: lanes) }.max() ?? 0
        }
        computeSeconds = total / Double(max(1, steps)) / speed
        updateSeconds = calibration.updateSeconds
    }

    public var seconds: Double { computeSeconds + updateSeconds }

    /// Operations of the lane that ends last, each lane taking the next slice when it is free.
    private static func longestLane(
        _ run: RunRehearsal, _ parts: [SliceRule.Part], lanes: Int
    ) -> Double {
        var load = [Double](repeating: 0, count: max(1, lanes))
        for part in parts {
            let work = run.products(of: part).operations()
            let free = load.indices.min { load[$0] < load[$1] } ?? 0
            load[free] += work
        }
        return load.max() ?? 0
    }
}
