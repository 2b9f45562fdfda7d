import Slices
import Training

/// The slices of a run, as far as memory and time depend on them.
///
/// Which slices a run has, and which rank computes them, is a pure function of its settings: the
/// largest of the whole run is known before it starts.
struct SliceCensus {
    /// For each rank, the largest slices that it meets, one for each lane.
    let boundsByRank: [[SliceBounds]]
    /// Steps that were looked at; fewer than the run has if it is very long.
    let steps: Int
    /// Tokens of all samples of these steps, those that were computed, and targets.
    let tokens: Int
    let computedTokens: Int
    let targetTokens: Int

    /// Looking at more takes longer than it is worth: by then every sample has come several times.
    private static let tokenLimit = 200_000_000
    private static let stepLimit = 20_000

    /// - Parameter progress: Called now and then with the steps looked at and all of them.
    init(_ run: RunRehearsal, ranks: Int, lanes: Int, progress: (Int, Int) -> Void) {
        var largestOfRank = [LargestSlices](repeating: LargestSlices(limit: lanes), count: ranks)
        var (steps, tokens, computed, targets) = (0, 0, 0, 0)
        let total = min(run.totalSteps, Self.stepLimit)
        while steps < total, tokens < Self.tokenLimit {
            steps += 1
            let assigned = run.assigned(run.slices(step: steps), ranks: ranks, lanes: lanes)
            for (rank, parts) in assigned.enumerated() {
                for part in parts {
                    let slice = run.packed(part)
                    tokens += slice.sampleTokens
                    computed += slice.tokens.count
                    targets += slice.targetTokens.count
                    largestOfRank[rank].include(slice)
                }
            }
            if steps.isMultiple(of: 64) { progress(steps, total) }
        }
        for (rank, slices) in run.evaluationSlices(ranks: ranks, lanes: lanes).enumerated() {
            for slice in slices { largestOfRank[rank].include(slice) }
        }
        boundsByRank = largestOfRank.map(\.bounds)
        self.steps = steps
        self.tokens = tokens
        computedTokens = computed
        self.targetTokens = targets
    }

    /// Chance decides which lane gets which slice. In the long run the largest ones fall on
    /// different lanes, so the n-th lane is given the n-th largest.
    private struct LargestSlices {
        let limit: Int
        private var slices: [SliceBounds] = []
        private var largest = SliceBounds()

        init(limit: Int) { self.limit = limit }

        mutating func include(_ slice: PackedSlice) {
            largest.include(slice)
            if slices.count == limit, let least = slices.last, slice.tokens.count <= least.tokens {
                return
            }
            var bounds = SliceBounds()
            bounds.include(slice)
            slices.insert(
                bounds, at: slices.firstIndex { $0.tokens < bounds.tokens } ?? slices.count)
            if slices.count > limit { slices.removeLast() }
        }

        /// The first lane's bounds hold every slice.
        var bounds: [SliceBounds] { slices.isEmpty ? [] : [largest] + slices.dropFirst() }
    }
}
