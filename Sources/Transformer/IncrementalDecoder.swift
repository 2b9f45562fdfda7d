import Kernels
import ModelFiles
import Tensors

/// One sequence that grows token by token, with the keys and values of its past kept.
///
/// The same operations as a ``Lane``'s forward pass, over the new tokens only; the low-rank pairs
/// are applied beside the frozen weights, never merged into them.
///
/// Allocates when it is made and never again. `@unchecked Sendable`: one thread uses it at a time.
public final class IncrementalDecoder: @unchecked Sendable {
    /// Tokens of a prompt that are computed at once.
    static let blockTokens = 256

    /// Most tokens that the sequence can have.
    public let capacity: Int
    /// Tokens so far.
    public private(set) var count = 0

    private let model: LanguageModel
    private let pass: LayerPass
    private let kept: LayerActivations
    /// Rotated keys of each layer, `[capacity, keyValueHeads · d]`.
    private let keys: [FloatBuffer]
    /// As `keys`.
    private let values: [FloatBuffer]
    private let normalized: FloatBuffer
    private let statistics: FloatBuffer
    private let logits: FloatBuffer

    /// - Parameters:
    ///   - model: What computes.
    ///   - adapter: Must fit the model; `nil` for the base model alone.
    ///   - capacity: Most tokens of the sequence. Memory is taken as the sequence grows.
    /// - Precondition: `capacity` is positive and not above the positions `model` was made for.
    public init(model: LanguageModel, adapter: LowRankParameters?, capacity: Int) {
        precondition(
            capacity > 0 && capacity <= model.positions,
            "\(capacity) tokens, \(model.positions) positions")
        let shape = model.configuration
        let rows = min(Self.blockTokens, capacity)
        let rank = adapter?.layout.adapterRank ?? 0
        self.model = model
        self.capacity = capacity
        let scratch = Scratch(
            longestSegment: capacity,
            logitRows: 0, vocabularySize: shape.vocabularySize)
        pass = LayerPass(
            model: model, parameters: adapter, scratch: scratch,
            layerScratch: LayerScratch(
                model: model, rows: rows, adapterRank: rank, training: false),
            lowRankInputs: (adapter?.layout.pairs ?? []).map { _ in
                FloatBuffer(count: rows * rank)
            })
        kept = LayerActivations(model: model, rows: rows, queries: rows)
        let columns = shape.keyValueHeadCount * shape.headDimension
        keys = model.layers.map { _ in FloatBuffer(count: capacity * columns) }
        values = model.layers.map { _ in FloatBuffer(count: capacity * columns) }
        normalized = FloatBuffer(count: shape.width)
        statistics = FloatBuffer(count: Norm.statisticsPerRow(shape.kernelNorm))
        logits = FloatBuffer(count: shape.vocabularySize)
    }

    /// Adds `tokens` to the sequence.
    ///
    /// - Returns: The logits of the token that follows, `[vocabulary]`, valid until the next call.
    /// - Precondition: At least one token, each in the vocabulary, and room for all.
    public func append(_ tokens: [Int32]) -> UnsafeBufferPointer<Float> {
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
        let last = (tokens.count - 1) % Self.blockTokens
        return computeLogits(row: last)
    }

    /// Runs all layers over a block; the last one's output is left in `kept.input`.
    private func forward(_ tokens: [Int32]) {
        let (rows, past) = (tokens.count, count)
        let hidden = Matrix(kept.input, rows: rows, columns: model.configuration.width)
        let columns = model.attention.keyValueHeads * model.attention.dimension
        let positions = (past..<past + rows).map { Int32($0) }
        model.embed(
            tokens, positions: positions, into: hidden,
            temporary: Matrix(
                pass.layerScratch.normalized, rows: rows, columns: model.configuration.width))
        for layer in model.layers.indices {
            let allKeys = Matrix(keys[layer], rows: past + rows, columns: columns)
            let allValues = Matrix(values[layer], rows: past + rows, columns: columns)
            let operands = AttentionOperands(
                kept, model, queries: rows, key: allKeys.rows(past..<past + rows),
                value: allValues.rows(past..<past + rows))
            let normalized = pass.normalizeInput(layer: layer, kept, rows: rows)
            pass.computeKeysAndValues(layer: layer, normalized, operands, positions: positions)
            pass.computeQueries(layer: layer, normalized, operands, positions: positions)
            model.backend.attend(
                operands.query, allKeys, allValues, shape: model.layers[layer].attention,
                into: operands.attended, logSums: operands.logSums, past: past,
                scratch: pass.scratch)
            pass.finish(layer: layer, kept, operands, residual: hidden, into: hidden)
        }
        count += rows
    }

    private func computeLogits(row: Int) -> UnsafeBufferPointer<Float> {
        let (shape, backend) = (model.configuration, model.backend)
        let hidden = Matrix(kept.input, rows: row + 1, columns: shape.width).rows(row..<row + 1)
        let last = Matrix(normalized, rows: 1, columns: shape.width)
        backend.normalize(
            hidden, model.finalNorm, into: last, statistics: statistics.pointer)
        let row = Matrix(logits, rows: 1, columns: shape.vocabularySize)
        backend.project(last, model.head, into: row, scratch: pass.scratch)
        if let bias = model.headBias { backend.add(bias: bias, to: row) }
        if let cap = shape.logitCap { backend.cap(row, at: Float(cap)) }
        return UnsafeBufferPointer(logits.elements)
    }
}
