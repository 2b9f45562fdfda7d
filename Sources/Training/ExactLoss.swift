import Slices

/// Sums of losses and counts that do not depend on the order of addition.
///
/// The losses of a slice are summed in float64 in token order, rounded once to a multiple of 2⁻³²
/// and added as integers.
struct ExactLoss: Sendable, Equatable {
    /// Sum of losses in units of 2⁻³² nats.
    private(set) var units: Int64 = 0
    private(set) var targetTokens: Int64 = 0
    /// Tokens of the samples.
    private(set) var tokens: Int64 = 0
    /// Rows that were computed for them: fewer where samples share prefixes.
    private(set) var computedTokens: Int64 = 0
    /// Whether a loss was NaN or beyond what the sum can hold.
    private(set) var isFinite = true

    static let zero = ExactLoss()

    /// Adds one slice.
    mutating func add(losses: ArraySlice<Double>, of slice: PackedSlice) {
        var sum = 0.0
        for loss in losses { sum += loss }
        // A slice of 2²⁰ targets at 2¹⁰ nats each is far beyond any real one.
        if sum.isFinite, abs(sum) < 0x1p30 {
            units &+= Int64((sum * 0x1p32).rounded(.toNearestOrEven))
        } else {
            isFinite = false
        }
        targetTokens += Int64(losses.count)
        tokens += Int64(slice.sampleTokens)
        computedTokens += Int64(slice.tokens.count)
    }

    /// How many ``summands`` there are.
    static let summandCount = 4

    /// What travels between ranks, to be summed.
    var summands: [Int64] { [units, targetTokens, tokens, computedTokens] }

    init() {}

    /// The sum over all ranks.
    init(summands: [Int64], isFinite: Bool) {
        units = summands[0]
        targetTokens = summands[1]
        tokens = summands[2]
        computedTokens = summands[3]
        self.isFinite = isFinite
    }

    /// Mean loss a target token, nats; NaN if any was not finite.
    var mean: Double {
        isFinite && targetTokens > 0 ? Double(units) * 0x1p-32 / Double(targetTokens) : .nan
    }
}
