import Collectives
import Foundation
import Slices
import Transformer

/// The mean loss over a held-out set.
///
/// The whole set is cut into slices as if it were one batch, whatever the batch size of the run, and
/// losses are summed as integers: the same digits on any ranks and lanes, in training and in
/// `lora eval`.
struct Evaluation {
    let communicator: any Communicator
    let pool: LanePool
    let samples: Samples
    let rule: SliceRule
    let speeds: RankSpeeds
    var limits: WaitLimits?

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
        let slices = rule.cut(Array(0..<samples.count)[...], of: samples)[...]
        limits?.expect(tokens: slices.reduce(0) { $0 + $1.computedTokens })
        let turn = NSLock()
        var loss = ExactLoss.zero
        var done = 0
        // Before the first step nobody knows how fast the others are: a few slices tell.
        let lanes = speeds.lanes.reduce(0, +)
        var portions = [slices]
        if speeds.estimates == nil, communicator.size > 1, slices.count > 4 * lanes {
            portions = [slices.prefix(lanes), slices.dropFirst(lanes)]
        }
        for portion in portions {
            let mine = speeds.assigned(Array(portion))
            speeds.beginMeasuring()
            let total = done + mine.count
            pool.forEach(count: mine.count) { [samples, rule, speeds] lane, index in
                let watch = Stopwatch()
                lane.pack(samples, mine[index], rule)
                let losses = lane.losses(parameters)
                speeds.measured(
                    tokens: mine[index].computedTokens, nanoseconds: watch.nanoseconds)
                turn.withLock {
                    loss.add(losses: losses, of: lane.slice)
                    done += 1
                    progress?(done, total)
                    guard let perSample else { return }
                    for sample in lane.slice.samples {
                        let own = losses[sample.targets]
                        perSample(sample.sample, own.reduce(0, +), own.count)
                    }
                }
            }
            guard portions.count > 1 else { continue }
            var reports = [Int64](repeating: 0, count: communicator.size)
            reports[communicator.rank] = speeds.report
            try communicator.allReduceMax(&reports)
            speeds.take(reports)
        }
        var summands = loss.summands
        var flaw: [Int64] = [loss.isFinite ? 0 : 1]
        try communicator.allReduceSum(&summands)
        try communicator.allReduceMax(&flaw)
        return ExactLoss(summands: summands, isFinite: flaw[0] == 0)
    }
}
