public import ModelFiles
public import Slices
public import Tensors
import Training
public import Transformer

/// One matrix product of a step: `[rows, depth] · [depth, columns]`.
public struct MatrixProduct: Sendable, Hashable {
    public enum Kind: Sendable, Hashable, CaseIterable {
        /// With a frozen weight of a layer.
        case frozen
        /// With A or B.
        case lowRank
        case attention
        /// With the output embedding.
        case logits
    }

    public let kind: Kind
    public let rows: Int
    public let columns: Int
    public let depth: Int
    public let transposesLeft: Bool
    public let transposesRight: Bool
    /// Which frozen weight it is with, numbered over layers; products with other operands share 0.
    public let weight: Int

    /// Additions and multiplications.
    public var operations: Double { 2 * Double(rows) * Double(columns) * Double(depth) }
}

/// What a lane does for one slice, forward and backward, counted by a lane that computes nothing.
public struct SliceAccount: Sendable {
    /// In the order of the calls.
    public let products: [(product: MatrixProduct, count: Int)]
    /// Bytes of operands that operations read, frozen weights as they are stored.
    public let readBytes: Int
    /// Bytes of the lane's matrices, with room for this slice and no larger one.
    public let memoryBytes: [MemoryRole: Int]

    /// Additions and multiplications of one kind, or of all.
    public func operations(_ kind: MatrixProduct.Kind? = nil) -> Double {
        products.filter { kind == nil || $0.product.kind == kind }
            .reduce(0) { $0 + $1.product.operations * Double($1.count) }
    }
}

/// Counts what lanes of a run do.
public struct SliceCounter {
    private let model: LanguageModel<CountingOperations>
    private let parameters: LowRankParameters
    private let recomputes: Bool

    /// - Parameters:
    ///   - model: Of any family.
    ///   - layout: Which projections are adapted.
    ///   - recomputes: Whether layers are computed once more in the backward pass.
    ///   - weights: How frozen weights are stored, for the bytes that are read.
    public init(
        model: DecoderConfiguration, layout: LowRankLayout, recomputes: Bool = false,
        weights: BlockFormat = .float32
    ) throws(ModelFileError) {
        self.model = try LanguageModel(
            configuration: model, files: model, operations: CountingOperations(weights: weights),
            positions: model.maximumPositions)
        parameters = LowRankParameters(layout: layout)
        self.recomputes = recomputes
    }

    /// Counts the slices of a run.
    init(_ run: RunRehearsal) throws(ModelFileError) {
        try self.init(
            model: run.model.configuration, layout: run.layout, recomputes: run.recomputes)
    }

    public func account(of slice: PackedSlice) -> SliceAccount {
        let tally = model.operations.tally
        tally.begin()
        var bounds = SliceBounds()
        bounds.include(slice)
        let lane = Lane(
            model: model, layout: parameters.layout, bounds: bounds, training: true,
            recomputes: recomputes)
        lane.slice = slice
        _ = lane.lossesAndGradient(parameters)
        return SliceAccount(
            products: tally.products, readBytes: tally.readBytes, memoryBytes: tally.memoryBytes)
    }
}
