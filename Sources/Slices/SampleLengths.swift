/// How many samples have which length: what bounds on slices and a histogram need to know of a set,
/// in memory that depends on the longest sample and not on their number.
public struct SampleLengths: Sendable, Equatable {
    /// Samples by number of tokens: entry `n` counts those of `n` tokens. So with the others.
    public private(set) var lengths: [Int] = []
    /// By tokens before the last target.
    public private(set) var computedLengths: [Int] = []
    /// By number of targets.
    public private(set) var targetCounts: [Int] = []

    public init() {}

    public init(lengths: [Int], computedLengths: [Int], targetCounts: [Int]) {
        self.lengths = lengths
        self.computedLengths = computedLengths
        self.targetCounts = targetCounts
    }

    /// Counts one sample.
    public mutating func add(length: Int, computedLength: Int, targetCount: Int) {
        Self.count(length, in: &lengths)
        Self.count(computedLength, in: &computedLengths)
        Self.count(targetCount, in: &targetCounts)
    }

    /// Counts the samples of another set too.
    public mutating func add(_ other: SampleLengths) {
        lengths = Self.sum(lengths, other.lengths)
        computedLengths = Self.sum(computedLengths, other.computedLengths)
        targetCounts = Self.sum(targetCounts, other.targetCounts)
    }

    public var sampleCount: Int { lengths.reduce(0, +) }
    public var tokenCount: Int { Self.total(lengths) }
    public var targetCount: Int { Self.total(targetCounts) }

    private static func count(_ value: Int, in counts: inout [Int]) {
        if value >= counts.count {
            counts += [Int](repeating: 0, count: value + 1 - counts.count)
        }
        counts[value] += 1
    }

    private static func sum(_ one: [Int], _ other: [Int]) -> [Int] {
        var (long, short) = one.count >= other.count ? (one, other) : (other, one)
        for index in short.indices { long[index] += short[index] }
        short = []
        return long
    }

    private static func total(_ counts: [Int]) -> Int {
        counts.enumerated().reduce(0) { $0 + $1.offset * $1.element }
    }

    /// Sum of the `count` largest of the values that `counts` counts.
    static func largest(_ count: Int, of counts: [Int]) -> Int {
        var (left, sum) = (count, 0)
        for value in counts.indices.reversed() where left > 0 {
            let taken = min(left, counts[value])
            sum += taken * value
            left -= taken
        }
        return sum
    }
}
