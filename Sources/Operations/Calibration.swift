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

    /// Computes steps of the run until the time is up: small ones, of about a slice for each lane, so
    /// that none waits long for another.
    ///
    /// - Parameters:
    ///   - lanes: Lanes that compute at the same time: those of the node, or fewer where it has
    ///     fewer cores.
    ///   - seconds: How long; a step before it touches memory and is not counted.
    ///   - progress: Called with the seconds that are spent and those that were given.
    init(
        _ run: RunRehearsal, _ costs: SliceCosts, lanes: Int, seconds limit: Double,
        progress: (_ done: Int, _ total: Int) -> Void
    ) throws {
        let batchSize = lanes * run.sliceSize
        let steps = (1...2).map { run.slices(step: $0, batchSize: batchSize) }
        let operations = steps.map { $0.reduce(0) { $0 + costs.operations(of: $1) } }
        var bounds = SliceBounds()
        for slice in steps.joined() { bounds.include(run.packed(slice)) }
        let step = try run.makeStep(lanes: lanes, bounds: bounds, batchSize: batchSize)
        _ = try step.run(1)
        var (spent, done, work, update) = (0.0, 0, 0.0, Double.infinity)
        for number in 1... {
            let which = number % steps.count
            let report = try step.run(which + 1)
            spent += report.sums.computeSeconds
            done += report.sums.computations * steps[which].count
            work += Double(report.sums.computations) * operations[which]
            update = min(update, report.updateSeconds)
            progress(Int(spent * 10), Int(limit * 10))
            if spent >= limit { break }
        }
        self.lanes = lanes
        slices = done
        operationsPerSecondOfLane = work / spent / Double(lanes)
        updateSeconds = update
    }
}

/// Operations of matrix products of a run's slices, each slice counted once.
final class SliceCosts {
    private let run: RunRehearsal
    private let counter: SliceCounter
    private var known: [ArraySlice<Int>: Double] = [:]

    init(_ run: RunRehearsal) throws {
        self.run = run
        counter = try SliceCounter(run)
    }

    func operations(of part: SliceRule.Part) -> Double {
        if let known = known[part.samples] { return known }
        let operations = counter.account(of: run.packed(part)).operations()
        known[part.samples] = operations
        return operations
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
        _ run: RunRehearsal, _ costs: SliceCosts, _ calibration: Calibration, ranks: Int,
        lanes: Int, coresForEachLane: Double
    ) {
        let speed = calibration.operationsPerSecondOfLane * min(1, coresForEachLane)
        var total = 0.0
        let steps = min(Self.steps, run.totalSteps)
        for step in 1...max(1, steps) {
            let parts = run.assigned(run.slices(step: step), ranks: ranks, lanes: lanes)
            let loads = parts.map { parts in
                Self.longestLane(parts.map { costs.operations(of: $0) }, lanes: lanes)
            }
            total += loads.max() ?? 0
        }
        computeSeconds = total / Double(max(1, steps)) / speed
        updateSeconds = calibration.updateSeconds
    }

    public var seconds: Double { computeSeconds + updateSeconds }

    /// Operations of the lane that ends last, each lane taking the next slice when it is free.
    private static func longestLane(
        _ slices: [Double], lanes: Int
    ) -> Double {
        var load = [Double](repeating: 0, count: max(1, lanes))
        for work in slices {
            let free = load.indices.min { load[$0] < load[$1] } ?? 0
            load[free] += work
        }
        return load.max() ?? 0
    }
}
