public import ModelFiles
public import Tensors

/// The low-rank pairs of a run: which projections are adapted, and where A and B of each lie in one flat
/// array.
///
/// Parameters, gradients, moments and exact sums all share this layout: layer by layer, projection by
/// projection, `A` before `B`.
///
/// Source: Hu et al. 2021, arXiv:2106.09685.
public struct LowRankLayout: Sendable, Equatable {
    /// One adapted projection.
    public struct Pair: Sendable, Equatable {
        public let layer: Int
        public let projection: ProjectionKind
        public let inputs: Int
        public let outputs: Int
        /// Columns of `B`: how many directions the pair has.
        public let adapterRank: Int
        public let alpha: Double
        /// `A`, row-major `[adapterRank, inputs]`.
        public let a: Range<Int>
        /// `B`, row-major `[outputs, adapterRank]`.
        public let b: Range<Int>

        /// Path of the projection as transformers names it.
        public let modulePath: String

        /// `s = alpha / adapterRank`.
        public var scale: Float { Float(alpha / Double(adapterRank)) }

        /// `A` in an array of the layout.
        public func a<Memory>(in memory: Memory) -> Matrix<Memory> {
            Matrix(memory, offset: a.lowerBound, rows: adapterRank, columns: inputs)
        }

        /// `B` in an array of the layout.
        public func b<Memory>(in memory: Memory) -> Matrix<Memory> {
            Matrix(memory, offset: b.lowerBound, rows: outputs, columns: adapterRank)
        }
    }

    /// An adapted projection and its pair's size.
    public struct Target: Sendable {
        public let layer: Int
        public let kind: ProjectionKind
        public let adapterRank: Int
        public let alpha: Double

        public init(layer: Int, kind: ProjectionKind, adapterRank: Int, alpha: Double) {
            self.layer = layer
            self.kind = kind
            self.adapterRank = adapterRank
            self.alpha = alpha
        }
    }

    public let pairs: [Pair]
    private let pairOfProjection: [Int?]

    /// - Parameters:
    ///   - targets: In any order, each projection once.
    ///   - model: Has them all.
    /// - Precondition: Every `adapterRank` is positive.
    public init(_ targets: [Target], model: DecoderConfiguration) {
        let kinds = ProjectionKind.allCases
        func slot(_ target: Target) -> Int { target.layer * kinds.count + target.kind.index }
        let sorted = targets.sorted { slot($0) < slot($1) }
        var table = [Int?](repeating: nil, count: (sorted.last.map(slot) ?? -1) + 1)
        var offset = 0
        var pairs: [Pair] = []
        for target in sorted where table[slot(target)] == nil {
            precondition(target.adapterRank > 0, "adapter rank \(target.adapterRank)")
            let (outputs, inputs) = model.size(of: target.kind)
            let a = offset..<offset + target.adapterRank * inputs
            let b = a.upperBound..<a.upperBound + target.adapterRank * outputs
            offset = b.upperBound
            table[slot(target)] = pairs.count
            pairs.append(
                Pair(
                    layer: target.layer, projection: target.kind, inputs: inputs, outputs: outputs,
                    adapterRank: target.adapterRank, alpha: target.alpha, a: a, b: b,
                    modulePath: model.family.path(of: target.kind, layer: target.layer)))
        }
        self.pairs = pairs
        pairOfProjection = table
    }

    /// The same rank and alpha for all projections.
    public init(
        adapterRank: Int, alpha: Double, projections: [(layer: Int, kind: ProjectionKind)],
        model: DecoderConfiguration
    ) {
        self.init(
            projections.map {
                Target(layer: $0.layer, kind: $0.kind, adapterRank: adapterRank, alpha: alpha)
            }, model: model)
    }

    public var parameterCount: Int { pairs.last?.b.upperBound ?? 0 }
    /// The largest of all pairs.
    public var largestAdapterRank: Int { pairs.map(\.adapterRank).max() ?? 0 }
    /// The backward pass stops here.
    public var lowestLayer: Int { pairs.first?.layer ?? 0 }

    /// The pair of a projection, or `nil` if it is not adapted.
    public func pair(layer: Int, projection: ProjectionKind) -> (index: Int, pair: Pair)? {
        let slot = layer * ProjectionKind.allCases.count + projection.index
        guard slot < pairOfProjection.count, let index = pairOfProjection[slot] else { return nil }
        return (index, pairs[index])
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
