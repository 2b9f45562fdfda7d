import Adapters
import Foundation
import Kernels
import Optimization
public import Slices
import Tensors
public import Transformer

/// What a rank holds while it trains, to be run piece by piece.
public final class RehearsedRank {
    public let model: LanguageModel
    public let parameters: LowRankParameters
    private let sum: ExactSum
    private let clipNorm: Double
    private let adamSettings: AdamW.Settings
    private let learningRate: Double
    private var coordinator: (adam: AdamW, gradient: FloatBuffer)?
    private var updates = 0

    init(
        _ configuration: RunConfiguration, _ inputs: RunInputs, model: LanguageModel
    ) throws {
        self.model = model
        parameters =
            inputs.startingPoint
            ?? LowRankParameters.initial(layout: inputs.layout, seed: configuration.seed)
        sum = ExactSum(tensors: inputs.layout.tensors)
        clipNorm = configuration.clipNorm
        adamSettings = configuration.adam
        learningRate = configuration.learningRate
    }

    /// Memory for slices within `bounds`, as a lane of the run has it.
    public func makeLane(_ bounds: SliceBounds) -> Lane {
        Lane(model: model, layout: parameters.layout, bounds: bounds, training: true)
    }

    /// Lanes with memory for slices within `bounds`, ready to compute.
    public func makeLanes(_ count: Int, _ bounds: SliceBounds) -> RehearsedLanes {
        RehearsedLanes(LanePool(lanes: (0..<count).map { _ in makeLane(bounds) }))
    }

    /// What rank 0 has beside the others: the averaged gradient and the moments.
    public func becomeCoordinator() {
        coordinator = (
            AdamW(settings: adamSettings, parameterCount: parameters.layout.parameterCount),
            FloatBuffer(count: parameters.layout.parameterCount)
        )
    }

    /// Gradients of `slices` and their exact sum, as in a step.
    ///
    /// - Returns: Seconds, and those that one thread spent adding to the sum.
    public func compute(
        _ slices: [PackedSlice], on lanes: RehearsedLanes
    ) -> (seconds: Double, summing: Double) {
        let turn = NSLock()
        var summing = 0.0
        var watch = Stopwatch()
        sum.begin()
        lanes.pool.forEach(count: slices.count) { [self] lane, index in
            _ = lane.lossesAndGradient(slices[index], parameters)
            turn.withLock {
                let began = Stopwatch()
                sum.add(lane.gradient, slicesInStep: slices.count)
                summing += began.seconds
            }
        }
        _ = sum.conclude()
        return (watch.lap(), summing)
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
    let pool: LanePool

    init(_ pool: LanePool) { self.pool = pool }

    public var count: Int { pool.laneCount }

    /// Calls `body` once for each index below `count`, on all lanes at once.
    ///
    /// - Returns: Seconds until the last was done.
    public func time(count: Int, _ body: @escaping @Sendable (Int) -> Void) -> Double {
        let watch = Stopwatch()
        pool.forEach(count: count) { _, index in body(index) }
        return watch.seconds
    }
}
