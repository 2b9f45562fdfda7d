/// How a batch falls into slices: a pure function of the batch's samples and of two settings.
///
/// The number of ranks or lanes appears nowhere in it.
public struct SliceRule: Sendable, Equatable {
    /// Most samples of a slice.
    public let sliceSize: Int
    /// Whether samples of a slice that begin alike share those positions.
    public let sharesPrefixes: Bool

    /// - Precondition: `sliceSize > 0`.
    public init(sliceSize: Int, sharesPrefixes: Bool) {
        precondition(sliceSize > 0, "slices of \(sliceSize)")
        self.sliceSize = sliceSize
        self.sharesPrefixes = sharesPrefixes
    }

    /// Slices into which so many samples fall.
    public func sliceCount(samples: Int) -> Int { (samples + sliceSize - 1) / sliceSize }

    /// The samples of one slice, in the order in which they are packed.
    public struct Part: Sendable, Equatable {
        public let samples: ArraySlice<Int>
        /// Rows of the slice.
        public let computedTokens: Int

        public init(samples: ArraySlice<Int>, computedTokens: Int) {
            self.samples = samples
            self.computedTokens = computedTokens
        }
    }

    /// Cuts `batch` into as few slices as the slice size allows, of nearly equal computed tokens.
    ///
    /// The batch is ordered by its samples' tokens as words in a dictionary, equal ones by index, so
    /// that neighbours share as much as they can. Among all ways to cut this order, the one whose
    /// largest slice has the fewest computed tokens is taken; of several, the one whose first slice
    /// has the most samples, then whose second has, and so on.
    ///
    /// - Complexity: O(n log n) comparisons of samples and O(n log tokens), n samples.
    public func cut(_ batch: ArraySlice<Int>, of samples: Samples) -> [Part] {
        let order = batch.sorted { samples.precedes($0, $1) }
        let prices = Prices(order, samples, sharesPrefixes: sharesPrefixes)
        let count = sliceCount(samples: order.count)
        var least = 0
        var enough = prices.whole
        while least < enough {
            let middle = (least + enough) / 2
            if ends(prices, limit: middle, most: count) == nil {
                least = middle + 1
            } else {
                enough = middle
            }
        }
        var start = 0
        return (ends(prices, limit: enough, most: count) ?? []).map { end in
            defer { start = end }
            return Part(
                samples: order[start..<end], computedTokens: prices.tokens(start..<end))
        }
    }

    /// Ends of at most `most` slices of at most `limit` computed tokens, each filled before the next
    /// is begun; `nil` if that is not enough. As a slice never gets larger by losing a sample at
    /// either end, no other way to cut needs fewer slices.
    private func ends(_ prices: Prices, limit: Int, most: Int) -> [Int]? {
        var ends: [Int] = []
        var start = 0
        while start < prices.count {
            var end = start
            while end < min(start + sliceSize, prices.count),
                prices.tokens(start..<end + 1) <= limit
            {
                end += 1
            }
            guard end > start, ends.count < most else { return nil }
            ends.append(end)
            start = end
        }
        return ends
    }
}

/// Computed tokens of any stretch of an ordered batch.
private struct Prices {
    /// Computed tokens of the first samples together, if the whole batch were one slice.
    private var sums = [0]
    /// What each sample shares with the one before it.
    private var shared: [Int] = []

    init(_ order: [Int], _ samples: Samples, sharesPrefixes: Bool) {
        var total = 0
        for (place, sample) in order.enumerated() {
            let common =
                sharesPrefixes && place > 0 ? samples.sharedLength(order[place - 1], sample) : 0
            shared.append(common)
            total += samples.computedLength(sample) - common
            sums.append(total)
        }
    }

    var count: Int { shared.count }
    var whole: Int { sums[count] + (shared.max() ?? 0) }

    /// A slice's first sample shares nothing with the one before it.
    func tokens(_ places: Range<Int>) -> Int {
        guard let first = places.first else { return 0 }
        return sums[places.upperBound] - sums[first] + shared[first]
    }
}
