import Kernels
import ModelFiles
import Tensors

/// What the backward pass needs of one layer.
///
/// Keys and values are of every row of a slice; the rest beyond the input is of the rows with a
/// query: all of them or, in the last layer, the target rows. Parts that a family lacks are empty.
struct LayerActivations {
    /// The residual stream as it enters the layer, `[rows, width]`.
    private(set) var input: FloatBuffer
    let inputStatistics: FloatBuffer
    /// After rotation, `[queries, heads · d]` and `[rows, keyValueHeads · d]`.
    let query: FloatBuffer
    let key: FloatBuffer
    let value: FloatBuffer
    /// Before the heads were normalised and rotated.
    let plainQuery: FloatBuffer
    let plainKey: FloatBuffer
    let queryStatistics: FloatBuffer
    let keyStatistics: FloatBuffer
    /// What attention yields, `[queries, heads · d]`.
    let attended: FloatBuffer
    let logSums: FloatBuffer
    /// What the output projection yields, where it is normalised, `[queries, width]`.
    let attentionOutput: FloatBuffer
    let afterAttentionStatistics: FloatBuffer
    /// The residual stream with attention added, `[queries, width]`.
    let middle: FloatBuffer
    let feedForwardStatistics: FloatBuffer
    /// Before the activation, `[queries, feedForwardWidth]`; no gate where there is none.
    let gate: FloatBuffer
    let up: FloatBuffer
    /// What the down projection yields, where it is normalised, `[queries, width]`.
    let feedForwardOutput: FloatBuffer
    let afterFeedForwardStatistics: FloatBuffer

    init(model: LanguageModel, rows: Int, queries: Int) {
        let shape = model.configuration
        let (heads, keyHeads) = (shape.headCount, shape.keyValueHeadCount)
        let statistics = Norm.statisticsPerRow(shape.kernelNorm)
        let norms = shape.family.norms
        func buffer(_ rows: Int, _ columns: Int, if isNeeded: Bool = true) -> FloatBuffer {
            FloatBuffer(count: isNeeded ? rows * columns : 0)
        }
        input = buffer(rows, shape.width)
        inputStatistics = buffer(rows, statistics)
        query = buffer(queries, heads * shape.headDimension)
        key = buffer(rows, keyHeads * shape.headDimension)
        value = buffer(rows, keyHeads * shape.headDimension)
        plainQuery = buffer(queries, heads * shape.headDimension, if: norms[.query] != nil)
        plainKey = buffer(rows, keyHeads * shape.headDimension, if: norms[.key] != nil)
        queryStatistics = buffer(queries, heads * statistics, if: norms[.query] != nil)
        keyStatistics = buffer(rows, keyHeads * statistics, if: norms[.key] != nil)
        attended = buffer(queries, heads * shape.headDimension)
        logSums = buffer(queries, heads)
        attentionOutput = buffer(queries, shape.width, if: norms[.afterAttention] != nil)
        afterAttentionStatistics = buffer(queries, statistics, if: norms[.afterAttention] != nil)
        middle = buffer(queries, shape.width)
        feedForwardStatistics = buffer(queries, statistics)
        gate = buffer(queries, shape.feedForwardWidth, if: shape.family.isGated)
        up = buffer(queries, shape.feedForwardWidth)
        feedForwardOutput = buffer(queries, shape.width, if: norms[.afterFeedForward] != nil)
        afterFeedForwardStatistics = buffer(
            queries, statistics, if: norms[.afterFeedForward] != nil)
    }

    /// The same but for an input of its own: for layers that are computed again.
    func sharingAll(but input: FloatBuffer) -> LayerActivations {
        var other = self
        other.input = input
        return other
    }
}

/// Buffers that live within one layer's forward or backward pass. Those that a family or a forward
/// pass does not need are empty.
struct LayerScratch {
    /// A normalised input, `[rows, width]`.
    let normalized: FloatBuffer
    let normalizedGradient: FloatBuffer
    /// What enters the down projection, `[rows, feedForwardWidth]`.
    let activated: FloatBuffer
    /// What a fused projection yields, or its gradient.
    let fused: FloatBuffer
    /// The queries of all rows, `[rows, heads · d]`, where they are fused with keys and values.
    let fusedQuery: FloatBuffer
    /// Gradients of attention's operands and result.
    let query: FloatBuffer
    let key: FloatBuffer
    let value: FloatBuffer
    let attended: FloatBuffer
    /// The gradient of queries or keys before their heads were normalised, `[rows, heads · d]`.
    let plainHeads: FloatBuffer
    /// `s · dy · B`, `[rows, rank]`.
    let lowRank: FloatBuffer
    /// The gradient of the residual stream.
    let residual: FloatBuffer
    /// The gradient of what a block yields, where that is normalised, `[rows, width]`.
    let blockOutput: FloatBuffer

    /// - Parameter rows: Rows of a slice, or target rows if those are more.
    init(model: LanguageModel, rows: Int, adapterRank: Int, training: Bool) {
        let shape = model.configuration
        let family = shape.family
        let backward = training ? rows : 0
        let queries = shape.headCount * shape.headDimension
        let keys = shape.keyValueHeadCount * shape.headDimension
        let fusedKinds = family.projections.filter { $0 == .queryKeyValue || $0 == .gateUp }
        let fusesQueries = fusedKinds.contains(.queryKeyValue)
        normalized = FloatBuffer(count: rows * shape.width)
        normalizedGradient = FloatBuffer(count: backward * shape.width)
        activated = FloatBuffer(count: rows * shape.feedForwardWidth)
        fused = FloatBuffer(
            count: rows * (fusedKinds.map { shape.size(of: $0).outputs }.max() ?? 0))
        fusedQuery = FloatBuffer(count: fusesQueries ? rows * queries : 0)
        query = FloatBuffer(count: backward * queries)
        key = FloatBuffer(count: backward * keys)
        value = FloatBuffer(count: backward * keys)
        attended = FloatBuffer(count: backward * queries)
        plainHeads = FloatBuffer(count: family.norms[.query] == nil ? 0 : backward * queries)
        lowRank = FloatBuffer(count: backward * adapterRank)
        residual = FloatBuffer(count: backward * shape.width)
        let normalisesBlocks =
            family.norms[.afterAttention] != nil || family.norms[.afterFeedForward] != nil
        blockOutput = FloatBuffer(count: normalisesBlocks ? backward * shape.width : 0)
    }
}

/// Keys and values of a whole path of segments, one after the other, and their gradients.
struct PathScratch {
    /// `[positions, keyValueHeads · d]`.
    let key: FloatBuffer
    let value: FloatBuffer
    let keyGradient: FloatBuffer
    let valueGradient: FloatBuffer

    init(model: LanguageModel, positions: Int, training: Bool) {
        let columns = model.attention.keyValueHeads * model.attention.dimension
        key = FloatBuffer(count: positions * columns)
        value = FloatBuffer(count: positions * columns)
        keyGradient = FloatBuffer(count: training ? positions * columns : 0)
        valueGradient = FloatBuffer(count: training ? positions * columns : 0)
    }
}
