import Slices
import Tensors
import TestSupport
import Testing

/// Slices of so many computed tokens each.
private func parts(_ tokens: [Int]) -> [SliceRule.Part] {
    tokens.enumerated().map { index, tokens in
        SliceRule.Part(samples: [index], computedTokens: tokens)
    }
}

private func tokens(_ parts: [SliceRule.Part]) -> Int { parts.reduce(0) { $0 + $1.computedTokens } }

@Suite struct SliceAssignmentTests {
    @Test func everySliceIsComputedOnce() {
        let slices = parts((0..<97).map { 50 + $0 * 37 % 61 })
        for (lanes, costs) in [([1], nil), ([2, 1, 8], nil), ([1, 1, 1], [3, 1, 2] as [Int64])] {
            let assigned = assignSlices(slices, lanes: lanes, costs: costs)
            #expect(assigned.count == lanes.count)
            #expect(assigned.joined().flatMap(\.samples).sorted() == Array(0..<97))
        }
    }

    @Test func equalRanksGetEqualLoads() {
        let assigned = assignSlices(parts([100, 99, 98, 97, 96, 95, 94, 93]), lanes: [1, 1])
        #expect(assigned.map(tokens) == [386, 386])
    }

    @Test func aRankOfHalfTheSpeedGetsHalfTheWork() {
        // 12 equal slices, ideal 8 : 4.
        let assigned = assignSlices(
            parts([Int](repeating: 100, count: 12)), lanes: [1, 1], costs: [10, 20])
        #expect(assigned.map(\.count) == [8, 4])
        let four = assignSlices(
            parts([Int](repeating: 100, count: 4)), lanes: [1, 1], costs: [10, 20])
        #expect(four.map(\.count) == [3, 1])
    }

    @Test func aRankWithMoreLanesGetsMore() {
        let assigned = assignSlices(parts([Int](repeating: 7, count: 8)), lanes: [6, 2])
        #expect(assigned.map(\.count) == [6, 2])
    }

    @Test func aRankThatIsTooSlowGetsNothing() {
        let assigned = assignSlices(parts([5, 5]), lanes: [1, 1], costs: [1, 100])
        #expect(assigned.map(\.count) == [2, 0])
    }

    /// Longest processing time first on machines of two speeds is within 1.583 of the optimum, and the
    /// optimum is at least total ÷ speed (Gonzalez, Ibarra & Sahni 1977: 2m/(m+1) for m machines).
    @Test(arguments: 0..<50) func staysWithinItsBound(seed: UInt64) {
        var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        func next(_ limit: UInt64) -> Int {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return Int(state % limit)
        }
        let slices = parts((0..<(8 + next(64))).map { _ in 1 + next(500) })
        let costs = (0..<3).map { _ in Int64(1 + next(9)) }
        let assigned = assignSlices(slices, lanes: [1, 1, 1], costs: costs)
        let finish = zip(assigned, costs).map { Double(tokens($0)) * Double($1) }.max() ?? 0
        let speed = costs.reduce(0) { $0 + 1 / Double($1) }
        let longest = Double(slices.map(\.computedTokens).max() ?? 0)
        let least = max(
            Double(tokens(slices)) / speed, longest * Double(costs.min() ?? 1))
        // m = 3: 2m/(m+1) = 1.5.
        #expect(finish <= 1.5 * least + longest * Double(costs.max() ?? 1))
    }
}

@Suite struct RankSpeedsTests {
    @Test func startsWithoutKnowledgeAndFollowsReports() {
        let speeds = RankSpeeds(lanes: [1, 1], hostLeaders: [0, 1], workerRank: 1)
        #expect(speeds.estimates == nil && speeds.report == 0)
        speeds.take([0, 0])
        #expect(speeds.estimates == nil && speeds.costs == nil)
        speeds.take([1000, 2000])
        #expect(speeds.costs == [1000, 2000])
        // A quarter of the way.
        speeds.take([1000, 3000])
        #expect(speeds.costs == [1000, 2250])
        // A hiccup counts as four times the estimate at most.
        speeds.take([1_000_000, 2250])
        #expect(speeds.costs == [1750, 2250])
    }

    @Test func measuresPicosecondsATokenOfALane() {
        let speeds = RankSpeeds(lanes: [2], hostLeaders: [0], workerRank: 0)
        speeds.measured(tokens: 10, nanoseconds: 50)
        speeds.measured(tokens: 30, nanoseconds: 150)
        #expect(speeds.report == 5000)
        speeds.beginMeasuring()
        #expect(speeds.report == 0)
    }

    @Test func aRankWithoutSlicesIsTriedAgain() {
        let speeds = RankSpeeds(lanes: [1, 1], hostLeaders: [0, 1], workerRank: 0)
        speeds.take([1000, 60_000])
        let slices = parts([100, 100, 100, 100])
        #expect(assignSlices(slices, lanes: [1, 1], costs: speeds.costs)[1].isEmpty)
        for _ in 0..<200 { speeds.take([1000, 0]) }
        #expect(!assignSlices(slices, lanes: [1, 1], costs: speeds.costs)[1].isEmpty)
    }

    @Test func aLateRankCountsAsATypicalOne() {
        let speeds = RankSpeeds(lanes: [1, 1, 1], hostLeaders: [0, 1, 2], workerRank: 0)
        speeds.take([1000, 0, 4000])
        #expect(speeds.costs == [1000, 4000, 4000])
    }

    @Test func ranksOfOneHostCountAsEqual() {
        let speeds = RankSpeeds(lanes: [1, 1, 1], hostLeaders: [0, 0, 2], workerRank: 0)
        speeds.take([1000, 3000, 4000])
        #expect(speeds.costs == [2000, 2000, 4000])
        // One of them had no slice: the other speaks for the host.
        let idle = RankSpeeds(lanes: [1, 1, 1], hostLeaders: [0, 0, 2], workerRank: 0)
        idle.take([0, 3000, 1000])
        #expect(idle.costs == [3000, 3000, 1000])
    }

    @Test func smallDifferencesMoveNoSlice() {
        let speeds = RankSpeeds(lanes: [1, 1], hostLeaders: [0, 1], workerRank: 0)
        speeds.take([1000, 1100])
        #expect(speeds.estimates == [1000, 1100] && speeds.costs == nil)
        speeds.take([1000, 2000])
        #expect(speeds.costs == [1000, 1325])
    }
}
