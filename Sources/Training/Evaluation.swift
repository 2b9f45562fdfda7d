import Collectives
import Foundation
import Slices
import Transformer

/// The mean loss over a held-out set.
///
/// The set is cut into slices in file order by the same function as a batch, and losses are summed
/// as integers: the same digits on any ranks and lanes, in training and in `lora eval`.
struct Evaluation {
    let communicator: any Communicator
    let pool: LanePool
    let samples: Samples
    let sliceSize: Int

    /// - Parameters:
    ///   - parameters: The adapter, or `nil` for the base model alone.
    ///   - perSample: Called with the index, summed loss and targets of each sample, in no
    ///     particular order but one at a time; only for the samples of this rank.
    ///   - progress: Called after each slice of this rank with how many are done and how many
    ///     there are; one call at a time.
    /// - Returns: The sum over all ranks.
    /// - Throws: ``CommunicationError`` if a rank does not answer.
    func run(
        _ parameters: LowRankParameters?,
        perSample: ((_ index: Int, _ loss: Double, _ targets: Int) -> Void)? = nil,
        progress: ((_ done: Int, _ total: Int) -> Void)? = nil
    ) throws -> ExactLoss {
        let slices = BatchSchedule.cut(Array(0..<samples.count)[...], sliceSize: sliceSize)
        let mine = stride(from: communicator.rank, to: slices.count, by: communicator.size)
            .map { slices[$0] }
        let turn = NSLock()
        var loss = ExactLoss.zero
        var done = 0
        pool.forEach(count: mine.count) { lane, index in
            let slice = PackedSlice(samples, indices: mine[index])
            let losses = lane.losses(slice, parameters)
            turn.withLock {
                loss.add(losses: losses, tokens: slice.tokens.count)
                done += 1
                progress?(done, mine.count)
                guard let perSample else { return }
                for segment in slice.segments {
                    let own = losses[segment.targets]
                    perSample(segment.sample, own.reduce(0, +), own.count)
                }
            }
        }
        var summands = loss.summands
        var flaw: [Int64] = [loss.isFinite ? 0 : 1]
        try communicator.allReduceSum(&summands)
        try communicator.allReduceMax(&flaw)
        return ExactLoss(summands: summands, isFinite: flaw[0] == 0)
    }
}
