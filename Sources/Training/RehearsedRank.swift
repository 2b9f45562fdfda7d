import Adapters
import Datasets
import Foundation
public import Kernels
import Optimization
public import Slices
import Synchronization
import Tensors
public import Transformer

/// What a rank holds while it trains, to be run piece by piece.
public final class RehearsedRank {
    public let model: LanguageModel<Backend>
    public let parameters: LowRankParameters
    private let sum: ExactSum
    private let samples: Samples
    private let rule: SliceRule
    private let recomputes: Bool
    private let clipNorm: Double
    private let adamSettings: AdamW.Settings
    private let learningRate: Double
    private var coordinator:
        (adam: AdamW, gradient: FloatBuffer, snapshot: CheckpointWriter.Snapshot)?
    private var updates = 0

    init(
        _ configuration: RunConfiguration, _ inputs: RunInputs, model: LanguageModel<Backend>
    ) throws {
        self.model = model
        parameters =
            inputs.startingPoint
            ?? LowRankParameters.initial(layout: inputs.layout, seed: configuration.seed)
        sum = ExactSum(tensors: inputs.layout.parameterSet.ranges)
        samples = inputs.training.samples
        rule = configuration.sliceRule
        recomputes = configuration.recomputes
        clipNorm = configuration.clipNorm
        adamSettings = configuration.adam
        learningRate = configuration.learningRate
    }

    /// Memory for slices within `bounds`, as a lane of the run has it.
    public func makeLane(_ bounds: SliceBounds) -> any SliceLane {
        Lane(
            model: model, layout: parameters.layout, bounds: bounds, training: true,
            recomputes: recomputes)
    }

    /// Lanes with memory for slices within `bounds`, ready to compute.
    public func makeLanes(_ count: Int, _ bounds: SliceBounds) -> RehearsedLanes {
        RehearsedLanes((0..<count).map { _ in makeLane(bounds) })
    }

    /// What rank 0 has beside the others: the averaged gradient, the moments, and a copy of its
    /// state that is being saved.
    public func becomeCoordinator() {
        coordinator = (
            AdamW(settings: adamSettings, parameterCount: parameters.layout.parameterCount),
            FloatBuffer(count: parameters.layout.parameterCount),
            CheckpointWriter.Snapshot(parameterCount: parameters.layout.parameterCount)
        )
    }

    /// Losses and gradient of one slice.
    public func compute(_ part: SliceRule.Part, on lane: any SliceLane) -> ArraySlice<Double> {
        lane.pack(samples, part, rule)
        return lane.lossesAndGradient(parameters)
    }

    /// Gradients of `slices` and their exact sum, as in a step.
    ///
    /// - Returns: Seconds until all are done, and the seconds of lanes' time that went into packing
    ///   the slices and into the sum.
    public func compute(
        _ slices: [SliceRule.Part], on lanes: RehearsedLanes
    ) -> (seconds: Double, packing: Double, summing: Double) {
        let turn = NSLock()
        var (packing, summing) = (0.0, 0.0)
        var watch = Stopwatch()
        sum.begin()
        lanes.pool.forEach(count: slices.count) { [self] lane, index in
            let began = Stopwatch()
            lane.pack(samples, slices[index], rule)
            let packed = began.seconds
            _ = lane.lossesAndGradient(parameters)
            turn.withLock {
                let began = Stopwatch()
                lane.addGradient(to: sum, slicesInStep: slices.count)
                summing += began.seconds
                packing += packed
            }
        }
        _ = sum.conclude()
        return (watch.lap(), packing, summing)
    }

    /// Rank 0's update from the sums of the last ``compute(_:on:)``.
    ///
    /// - Returns: Seconds.
    /// - Precondition: ``becomeCoordinator()`` was called.
    public func update(slicesInStep: Int, targetTokens: Int) -> Double {
        guard let coordinator else { preconditionFailure("no coordinator") }
        let watch = Stopwatch()
        updates += 1
        sum.read(
            into: coordinator.gradient, slicesInStep: slicesInStep,
            factor: 1 / Double(max(1, targetTokens)))
        let norm = GradientClipping.globalNorm(coordinator.gradient)
        GradientClipping.clip(coordinator.gradient, norm: norm, limit: clipNorm)
        coordinator.adam.update(
            parameters.buffer, gradient: coordinator.gradient, step: updates,
            learningRate: learningRate)
        sum.finishStep()
        return watch.seconds
    }
}

/// The lanes of a rehearsed rank.
public final class RehearsedLanes {
    private let lanes: [any SliceLane]
    let pool: LanePool

    init(_ lanes: [any SliceLane]) {
        self.lanes = lanes
        pool = LanePool(lanes: lanes)
    }

    public var count: Int { lanes.count }

    /// Calls `body` once for each index below `count`, on all lanes at once.
    ///
    /// - Parameter body: Given the lane's number and the index.
    /// - Returns: Seconds until the last was done.
    public func time(count: Int, _ body: @escaping (_ lane: Int, _ index: Int) -> Void) -> Double {
        let lanes = lanes
        let watch = Stopwatch()
        pool.forEach(count: count) { lane, index in
            body(lanes.firstIndex { $0 === lane } ?? 0, index)
        }
        return watch.seconds
    }

    /// The same; returns the seconds that the lanes together were busy.
    public func busySeconds(
        count: Int, _ body: @escaping (_ lane: Int, _ index: Int) -> Void
    ) -> Double {
        let busy = Mutex(0.0)
        _ = time(count: count) { lane, index in
            let watch = Stopwatch()
            body(lane, index)
            let seconds = watch.seconds
            busy.withLock { $0 += seconds }
        }
        return busy.withLock { $0 }
    }
}
