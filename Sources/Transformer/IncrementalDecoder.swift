import ModelFiles
import Slices
import Tensors

/// One sequence that grows token by token, with the keys and values of its past kept.
///
/// The same layers as a ``Lane``'s forward pass, over the new tokens only; the low-rank pairs are
/// applied beside the frozen weights, never merged into them.
///
/// `@unchecked Sendable`: one thread uses it at a time.
public final class IncrementalDecoder<Operations: TensorOperations>: @unchecked Sendable {
    typealias Memory = Operations.Memory

    /// Tokens of a prompt that are computed at once.
    private static var blockTokens: Int { 256 }

    /// Most tokens that the sequence can have.
    public let capacity: Int
    /// Tokens so far.
    public private(set) var count = 0

    private let model: LanguageModel<Operations>
    private let adapter: AdapterOperands<Memory>?
    private let kept: LayerActivations<Memory>
    private let scratch: LayerScratch<Memory>
    private let workspace: Operations.Workspace
    /// Rotated keys of each layer, `[capacity, keyValueHeads · d]`.
    private let keys: [Memory]
    /// As `keys`.
    private let values: [Memory]
    private let normalized: Memory
    private let statistics: Memory
    private let logits: Memory

    /// - Parameters:
    ///   - model: What computes.
    ///   - adapter: Must fit the model; `nil` for the base model alone.
    ///   - capacity: Most tokens of the sequence. Memory is taken as the sequence grows.
    /// - Precondition: `capacity` is positive and not above the positions `model` was made for.
    public init(
        model: LanguageModel<Operations>, adapter: LowRankParameters?, capacity: Int
    ) {
        precondition(
            capacity > 0 && capacity <= model.positions,
            "\(capacity) tokens, \(model.positions) positions")
        let (operations, shape) = (model.operations, model.configuration)
        let rows = min(Self.blockTokens, capacity)
        self.model = model
        self.capacity = capacity
        self.adapter = adapter.map { adapter in
            AdapterOperands(
                layout: adapter.layout, parameters: operations.trained(adapter),
                gradient: operations.memory(.adapter, count: 0),
                lowRankInputs: adapter.layout.pairs.map {
                    operations.memory(.operand, count: rows * $0.adapterRank)
                }, lowRankGradient: operations.memory(.operand, count: 0))
        }
        workspace = operations.workspace(
            WorkspaceNeeds(
                rows: rows, targets: 0, longestSegment: capacity, sharesRows: false,
                training: false, model: shape))
        scratch = LayerScratch(operations, shape, rows: rows, targets: 0, training: false)
        kept = LayerActivations(operations, shape, rows: rows, queries: rows, keyRows: 0)
        let columns = shape.keyValueHeadCount * shape.headDimension
        func cache() -> [Memory] {
            (0..<shape.layerCount).map { _ in
                operations.memory(.operand, count: capacity * columns)
            }
        }
        keys = cache()
        values = cache()
        normalized = operations.memory(.residual, count: shape.width)
        statistics = operations.memory(.statistics, count: shape.statisticsPerRow)
        logits = operations.memory(.residual, count: shape.vocabularySize)
    }

    /// Adds `tokens` to the sequence.
    ///
    /// - Returns: The logits of the token that follows, `[vocabulary]`.
    /// - Precondition: At least one token, each in the vocabulary, and room for all.
    public func append(_ tokens: [Int32]) -> [Float] {
        precondition(!tokens.isEmpty, "no tokens")
        precondition(
            count + tokens.count <= capacity,
            "\(tokens.count) tokens after \(count), room for \(capacity)")
        var start = 0
        while start < tokens.count {
            let end = min(start + Self.blockTokens, tokens.count)
            forward(Array(tokens[start..<end]))
            start = end
        }
        return computeLogits(row: (tokens.count - 1) % Self.blockTokens)
    }

    /// Runs all layers over a block; the last one's output is left in `kept.input`.
    private func forward(_ tokens: [Int32]) {
        let (operations, rows) = (model.operations, tokens.count)
        let pass = SlicePass(
            operations: operations,
            rows: operations.rows(of: PackedSlice(tokens: tokens, after: count)),
            rowCount: rows, targetCount: 0, adapter: adapter, scratch: scratch,
            workspace: workspace)
        let hidden = Matrix(kept.input, rows: rows, columns: model.configuration.width)
        model.embed(
            pass.rows, into: hidden,
            temporary: Matrix(scratch.normalized, rows: rows, columns: hidden.columns))
        for layer in model.layers.range {
            model.layers.forward(
                pass, layer: layer, kept,
                KeyValueCache(keys: keys[layer], values: values[layer], past: count),
                inPlace: hidden)
        }
        count += rows
    }

    private func computeLogits(row: Int) -> [Float] {
        let shape = model.configuration
        let hidden = Matrix(kept.input, rows: row + 1, columns: shape.width).rows(row..<row + 1)
        let logits = Matrix(logits, rows: 1, columns: shape.vocabularySize)
        model.logits(
            hidden, normalized: Matrix(normalized, rows: 1, columns: shape.width),
            statistics: statistics, into: logits, workspace)
        return model.operations.numbers(of: logits)
    }
}
