import Collectives
import Foundation
import Kernels
import Slices
import Tensors
public import Transformer

/// One step of training on one rank: the same function in a job, in `lora bench` and `lora plan`,
/// and in the tests.
///
/// A step makes four collectives, in this order, and none that not all ranks make:
///
/// 1. MAX of the ``StepBallot``: are the sums worth sending? Again for each repeated computation.
/// 2. SUM of the gradients and the losses (``GradientExchange``).
/// 3. Broadcast of the adapter that rank 0 has updated.
/// 4. MAX of the ``StepClosing``: what all must know before anything of the step is saved.
public final class TrainingStep {
    /// The adapter: this rank's replica.
    public let parameters: LowRankParameters
    public let lanes: LanePool
    let data: StepData
    private let communicator: any Communicator
    private let exchange: GradientExchange
    /// On rank 0 only.
    private let optimizer: AdapterOptimizer?
    private let surroundings: StepSurroundings

    /// - Parameters:
    ///   - exponents: Of the exact sums, from the checkpoint that the run continues from.
    ///   - optimizer: On rank 0 only.
    ///   - limits: How long ranks wait for each other; `nil`: as the communicator has it.
    init(
        communicator: any Communicator, lanes: LanePool, data: StepData,
        parameters: LowRankParameters, exponents: [Int64]?, optimizer: AdapterOptimizer?,
        speeds: RankSpeeds, limits: WaitLimits?, surroundings: StepSurroundings
    ) {
        self.communicator = communicator
        self.lanes = lanes
        self.data = data
        self.parameters = parameters
        self.optimizer = optimizer
        self.surroundings = surroundings
        exchange = GradientExchange(
            communicator: communicator, lanes: lanes, parameters: parameters,
            exponents: exponents, speeds: speeds, limits: limits, surroundings: surroundings)
    }

    /// The exponents of the next step's exact sums: part of the run's state.
    var exponents: [Int64] { exchange.exponents }

    /// Computes the batch of `step`, updates the adapter and brings it to all ranks.
    ///
    /// - Note: A collective.
    /// - Parameter step: From 1.
    /// - Throws: `CommunicationError` if a rank does not answer; ``JobFault`` if ranks compute the
    ///   same slices differently again and again.
    public func run(_ step: Int) throws -> StepReport {
        surroundings.injection?.interrupt(workerRank: communicator.rank, step: step)

        // ---- What decides the adapter's bits begins here.
        let slices = data.slices(ofStep: step)
        let sums = try exchange.reduce(slices, of: data, step: step)
        var mark = surroundings.nanoseconds()
        var update: AdapterOptimizer.Update?
        if sums.end == .good {
            exchange.takeMean(of: sums, into: optimizer?.gradient)
            update = optimizer?.update(step: step)
            try broadcastParameters()
        }
        // ---- What decides the adapter's bits ends here.

        var report = StepReport(
            step: step, epoch: data.schedule.epoch(ofStep: step), sums: sums, update: update,
            updateSeconds: surroundings.lap(&mark))
        if sums.end != .abandoned { report.closing = try close(step, update) }
        return report
    }

    /// Every replica gets rank 0's bits.
    func broadcastParameters() throws {
        try communicator.broadcast(UnsafeMutableRawBufferPointer(parameters.buffer.elements))
    }

    private func close(_ step: Int, _ update: AdapterOptimizer.Update?) throws -> StepClosing {
        surroundings.injection?.spoil(
            replica: parameters.buffer, workerRank: communicator.rank, step: step)
        return try StepClosing(
            updateIsFinite: update?.isFinite ?? true, digest: parameters.digest,
            surroundings.upkeep()
        ).reduced(over: communicator)
    }
}

/// Which samples a step visits, and how they fall into slices.
struct StepData {
    let samples: Samples
    let schedule: BatchSchedule
    let rule: SliceRule

    /// The slices of a step; the same on all ranks.
    func slices(ofStep step: Int) -> [SliceRule.Part] {
        rule.cut(schedule.batch(step: step)[...], of: samples)
    }
}

/// What a step came to.
public struct StepReport {
    public let step: Int
    /// The epoch that it belongs to, from 0.
    public let epoch: Int
    public let sums: StepSums
    /// On rank 0, and only of a good step.
    public let update: AdapterOptimizer.Update?
    /// From the sums to the same adapter on all ranks.
    public let updateSeconds: Double
    /// `nil` of an abandoned step.
    public internal(set) var closing: StepClosing?
}
