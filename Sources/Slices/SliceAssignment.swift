/// Which rank computes which slice: the longest first, each to the lane that will be done with it
/// first.
///
/// A function of what all ranks know alike, so all find the same answer without a word. Any other
/// assignment would give the same sums; this one is the fastest where ranks differ in lanes or speed
/// (longest processing time first on uniform machines, Gonzalez, Ibarra & Sahni 1977).
///
/// - Parameters:
///   - slices: Of one step or one evaluation.
///   - lanes: Lanes of each rank, each at least one.
///   - costs: What a token costs a lane of each rank, in any unit; `nil`: the same everywhere.
/// - Returns: The slices of each rank, longest first.
/// - Complexity: O(slices × ranks).
public func assignSlices(
    _ slices: [SliceRule.Part], lanes: [Int], costs: [Int64]? = nil
) -> [[SliceRule.Part]] {
    var loads = lanes.map { [Int](repeating: 0, count: $0) }
    // Of each rank the lane that has least to do.
    var freest = [Int](repeating: 0, count: lanes.count)
    var totals = [Int](repeating: 0, count: lanes.count)
    var assigned = [[SliceRule.Part]](repeating: [], count: lanes.count)
    let order = slices.indices.sorted {
        (-slices[$0].computedTokens, $0) < (-slices[$1].computedTokens, $1)
    }
    for slice in order {
        let tokens = slices[slice].computedTokens
        var best = (finish: Int64.max, total: Int.max, rank: 0)
        for rank in lanes.indices {
            let load = Int64(loads[rank][freest[rank]] + tokens)
            let candidate = (load * (costs?[rank] ?? 1), totals[rank], rank)
            if candidate < best { best = candidate }
        }
        let rank = best.rank
        loads[rank][freest[rank]] += tokens
        totals[rank] += tokens
        freest[rank] = loads[rank].indices.min { loads[rank][$0] < loads[rank][$1] } ?? 0
        assigned[rank].append(slices[slice])
    }
    return assigned
}
