import Kernels
import Tensors

/// Chooses the next token from a model's logits.
///
/// A pure function of the logits, the seed and how many tokens were chosen before.
public struct TokenSampler: Sendable {
    /// How a token is chosen.
    public enum Method: Sendable, Equatable {
        /// Always the most probable one; of equal ones the first.
        case greedy
        /// At random from the most probable tokens that together have the probability `topP`,
        /// each as probable as `softmax(logits / temperature)` says.
        ///
        /// Source: Holtzman et al. 2019, arXiv:1904.09751.
        case nucleus(temperature: Double, topP: Double, seed: UInt64)
    }

    private let method: Method
    private var drawn: UInt64 = 0

    /// - Precondition: A temperature above 0, `topP` above 0 and at most 1.
    public init(_ method: Method) {
        if case .nucleus(let temperature, let topP, _) = method {
            precondition(temperature > 0 && topP > 0 && topP <= 1, "\(temperature), \(topP)")
        }
        self.method = method
    }

    /// Chooses a token.
    ///
    /// - Parameter logits: `[vocabulary]`, not empty.
    /// - Returns: Its id.
    /// - Throws: ``GenerationError`` if a logit is NaN or infinite.
    public mutating func next(
        _ logits: [Float]
    ) throws(GenerationError) -> Int32 {
        precondition(!logits.isEmpty, "no logits")
        guard logits.allSatisfy(\.isFinite) else {
            throw GenerationError(
                "--model", "gives numbers that are not finite",
                hint: "The weights or the adapter are damaged; try without --adapter")
        }
        let best = Self.indexOfLargest(logits)
        switch method {
        case .greedy: return Int32(best)
        case .nucleus(let temperature, let topP, let seed):
            let random = CounterRandom(seed: seed, purpose: .sampling)
            defer { drawn += 1 }
            return Self.draw(
                logits, largest: Double(logits[best]), temperature: temperature, topP: topP,
                uniform: random.uniform(stream: 0, index: drawn))
        }
    }

    private static func indexOfLargest(_ logits: [Float]) -> Int {
        var best = 0
        for index in logits.indices where logits[index] > logits[best] { best = index }
        return best
    }

    private static func draw(
        _ logits: [Float], largest: Double, temperature: Double, topP: Double,
        uniform: Double
    ) -> Int32 {
        let weights = logits.map { Elementary.exp((Double($0) - largest) / temperature) }
        let total = weights.reduce(0, +)
        // Tokens below this have less than 1 − topP together, so that none is in the nucleus:
        // leaving them out keeps the sort short.
        let floor = topP < 1 ? total * (1 - topP) / Double(weights.count) : 0
        let candidates = weights.indices.filter { weights[$0] >= floor }
            .sorted { (weights[$1], $0) < (weights[$0], $1) }
        var nucleus = 0.0
        var count = 0
        while count < candidates.count, count == 0 || nucleus < topP * total {
            nucleus += weights[candidates[count]]
            count += 1
        }
        var rest = uniform * nucleus
        for candidate in candidates[..<count] {
            rest -= weights[candidate]
            if rest < 0 { return Int32(candidate) }
        }
        return Int32(candidates[count - 1])
    }
}
