/// Which steps of a long run are enough to draw its curves.
///
/// Of each `every` consecutive steps of a job: the one whose number `every` divides, and those of the least and
/// of the greatest loss, so that a loss that leapt up for one step is seen in a run of a million. Steps are
/// added in their order within a job; takes memory for what is kept only.
public struct StepThinning<ID> {
    /// What was kept so far is complete only after ``finish()``.
    private var kept: [ID] = []
    private let every: Int
    private var bucket: Bucket?

    private struct Candidate {
        let step: Int
        let loss: Double
        let id: ID
    }

    private struct Bucket {
        let job: UInt64
        let number: Int
        var divisible: Candidate?
        var least: Candidate?
        var greatest: Candidate?
    }

    /// - Parameter every: At least 1; 1 keeps all steps.
    public init(every: Int) {
        self.every = max(1, every)
    }

    /// Adds a step.
    ///
    /// - Parameters:
    ///   - job: Steps of two jobs are not compared: a later one may do a step again.
    ///   - loss: NaN where there is none; a step whose loss is not finite is kept only for its number.
    ///   - id: What ``finish()`` returns for it.
    public mutating func add(job: UInt64, step: Int, loss: Double, id: ID) {
        let number = step / every
        if bucket?.job != job || bucket?.number != number {
            closeBucket()
            bucket = Bucket(job: job, number: number)
        }
        let candidate = Candidate(step: step, loss: loss, id: id)
        if step % every == 0 { bucket?.divisible = candidate }
        guard loss.isFinite else { return }
        if loss < bucket?.least?.loss ?? .infinity { bucket?.least = candidate }
        if loss > bucket?.greatest?.loss ?? -.infinity { bucket?.greatest = candidate }
    }

    /// All that is kept, in the order in which it was added within a bucket's steps.
    public mutating func finish() -> [ID] {
        closeBucket()
        return kept
    }

    private mutating func closeBucket() {
        guard let done = bucket else { return }
        bucket = nil
        var last: Int?
        let found = [done.divisible, done.least, done.greatest].compactMap { $0 }
        for candidate in found.sorted(by: { $0.step < $1.step }) where candidate.step != last {
            kept.append(candidate.id)
            last = candidate.step
        }
    }
}
