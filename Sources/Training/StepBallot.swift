import Collectives

/// What the ranks say of their computations before any sum is sent, in one reduction by MAX.
struct StepBallot {
    /// Of each tensor of the adapter, the largest exponent among this rank's gradients.
    var seenExponents: [Int64]
    /// Of each tensor, 1 if a gradient of this rank was NaN or infinite.
    var nonFinite: [Int64]
    /// Whether a rank has stopped before its last slice.
    var isAbandoned = false
    var isStopRequested = false
    var lossIsFinite = true
    /// The lowest rank that has NaN or infinity in its loss or its gradients.
    var rankWithoutNumbers: Int?
    /// The lowest rank whose second computation gave other numbers than its first.
    var rankThatDiffers: Int?
    /// By rank; a rank fills in its own.
    var ranks: [RankMeasurement]

    /// What a rank measures of itself.
    struct RankMeasurement: Sendable, Equatable {
        /// Picoseconds that a lane takes for a token; 0 of a rank without slices.
        var picosecondsPerToken: Int64 = 0
        /// From the start of the step to the rank's last slice, repeated computations included;
        /// 0 of a rank without slices.
        var computeNanoseconds: Int64 = 0
        var peakMemoryBytes: Int64 = 0

        var computeSeconds: Double { Double(computeNanoseconds) * 1e-9 }
    }

    /// Numbers of 64 bits that travel.
    var wordCount: Int { words.count }

    /// The ballot of all ranks together; the same on all.
    ///
    /// - Note: A collective.
    func reduced(over communicator: any Communicator) throws -> StepBallot {
        var words = words
        try communicator.allReduceMax(&words)
        return StepBallot(words: words, tensors: seenExponents.count, ranks: ranks.count)
    }

    // Encoding and decoding, one below the other: same order in both.

    private var words: [Int64] {
        // MAX finds the lowest rank where lower ranks count for more.
        let places = [rankWithoutNumbers, rankThatDiffers].map { rank in
            rank.map { Int64(ranks.count - $0) } ?? 0
        }
        return [isAbandoned, isStopRequested, !lossIsFinite].map { $0 ? 1 : 0 } + places
            + ranks.flatMap { [$0.picosecondsPerToken, $0.computeNanoseconds, $0.peakMemoryBytes] }
            + seenExponents + nonFinite
    }

    private init(words: [Int64], tensors: Int, ranks: Int) {
        var rest = words[...]
        func next() -> Int64 { rest.removeFirst() }
        func nextFlag() -> Bool { next() != 0 }
        func nextRank() -> Int? {
            let place = Int(next())
            return place == 0 ? nil : ranks - place
        }
        isAbandoned = nextFlag()
        isStopRequested = nextFlag()
        lossIsFinite = !nextFlag()
        rankWithoutNumbers = nextRank()
        rankThatDiffers = nextRank()
        self.ranks = (0..<ranks).map { _ in
            RankMeasurement(
                picosecondsPerToken: next(), computeNanoseconds: next(), peakMemoryBytes: next())
        }
        seenExponents = Array(rest.prefix(tensors))
        nonFinite = Array(rest.dropFirst(tensors))
    }

    /// The ballot of a rank that has nothing to object to.
    init(seenExponents: [Int64], nonFinite: [Int64], ranks: Int) {
        self.seenExponents = seenExponents
        self.nonFinite = nonFinite
        self.ranks = [RankMeasurement](repeating: RankMeasurement(), count: ranks)
    }
}
