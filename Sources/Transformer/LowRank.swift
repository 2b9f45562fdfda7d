public import ModelFiles
public import Tensors

/// Where the low-rank pairs of a run lie in one flat array of float32.
///
/// For an adapted projection `W₀ [outputs, inputs]`: `y = x·W₀ᵀ + s·(x·Aᵀ)·Bᵀ`, `A [rank, inputs]`,
/// `B [outputs, rank]`, `s = alpha / rank`. Parameters, gradients, moments and exact sums all share
/// this layout: layer by layer, projection by projection, `A` before `B`.
///
/// Source: Hu et al. 2021, arXiv:2106.09685.
public struct LowRankLayout: Sendable, Equatable {
    /// One adapted projection.
    public struct Pair: Sendable, Equatable {
        public let layer: Int
        public let projection: ProjectionKind
        public let inputs: Int
        public let outputs: Int
        /// `A`, row-major `[rank, inputs]`.
        public let a: Range<Int>
        /// `B`, row-major `[outputs, rank]`.
        public let b: Range<Int>

        /// Path of the projection as transformers names it.
        public let modulePath: String
    }

    public let adapterRank: Int
    public let alpha: Double
    public let pairs: [Pair]
    private let pairOfProjection: [Int?]

    /// - Parameters:
    ///   - projections: The adapted ones, in any order, each once.
    ///   - model: Has them all.
    /// - Precondition: `adapterRank > 0`.
    public init(
        adapterRank: Int, alpha: Double, projections: [(layer: Int, kind: ProjectionKind)],
        model: DecoderConfiguration
    ) {
        precondition(adapterRank > 0, "rank \(adapterRank)")
        self.adapterRank = adapterRank
        self.alpha = alpha
        let kinds = ProjectionKind.allCases
        let slots = Set(
            projections.map { $0.layer * kinds.count + $0.kind.index })
        var offset = 0
        var pairs: [Pair] = []
        for slot in slots.sorted() {
            let kind = kinds[slot % kinds.count]
            let (outputs, inputs) = model.size(of: kind)
            let a = offset..<offset + adapterRank * inputs
            let b = a.upperBound..<a.upperBound + adapterRank * outputs
            offset = b.upperBound
            pairs.append(
                Pair(
                    layer: slot / kinds.count, projection: kind, inputs: inputs, outputs: outputs,
                    a: a, b: b,
                    modulePath: model.family.path(of: kind, layer: slot / kinds.count)))
        }
        self.pairs = pairs
        var table = [Int?](repeating: nil, count: (slots.max() ?? -1) + 1)
        for (index, slot) in slots.sorted().enumerated() { table[slot] = index }
        pairOfProjection = table
    }

    /// `s` of the formula above.
    public var scale: Float { Float(alpha / Double(adapterRank)) }
    public var parameterCount: Int { pairs.last?.b.upperBound ?? 0 }
    /// All tensors in order: A and B of each pair.
    public var tensors: [Range<Int>] { pairs.flatMap { [$0.a, $0.b] } }
    /// The backward pass stops here.
    public var lowestLayer: Int { pairs.first?.layer ?? 0 }

    /// The pair of a projection, or `nil` if it is not adapted.
    public func pair(layer: Int, projection: ProjectionKind) -> (index: Int, pair: Pair)? {
        let slot = layer * ProjectionKind.allCases.count + projection.index
        guard slot < pairOfProjection.count, let index = pairOfProjection[slot] else { return nil }
        return (index, pairs[index])
    }

    /// `A` of `pair` in an array of this layout.
    func a(_ pair: Pair, in buffer: FloatBuffer) -> Matrix {
        Matrix(buffer, offset: pair.a.lowerBound, rows: adapterRank, columns: pair.inputs)
    }

    /// `B` of `pair` in an array of this layout.
    func b(_ pair: Pair, in buffer: FloatBuffer) -> Matrix {
        Matrix(buffer, offset: pair.b.lowerBound, rows: pair.outputs, columns: adapterRank)
    }
}

/// The trained parameters: a layout and its numbers.
public struct LowRankParameters: Sendable {
    public let layout: LowRankLayout
    /// `[layout.parameterCount]`.
    public let buffer: FloatBuffer

    public init(layout: LowRankLayout, buffer: FloatBuffer) {
        precondition(buffer.count == layout.parameterCount, "\(buffer.count) parameters")
        self.layout = layout
        self.buffer = buffer
    }

    public init(layout: LowRankLayout) {
        self.init(layout: layout, buffer: FloatBuffer(count: layout.parameterCount))
    }
}
