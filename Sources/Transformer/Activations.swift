import Kernels
import ModelFiles
import Tensors

/// What the backward pass needs of one layer.
///
/// Keys and values are of every row of a slice; the rest beyond the input is of the rows with a
/// query: all of them or, in the last layer, the target rows.
struct LayerActivations {
    /// The residual stream as it enters the layer, `[rows, width]`.
    let input: FloatBuffer
    let inputInverseRoots: FloatBuffer
    /// After rotation, `[queries, heads · d]` and `[rows, keyValueHeads · d]`.
    let query: FloatBuffer
    let key: FloatBuffer
    let value: FloatBuffer
    /// What attention yields, `[queries, heads · d]`.
    let attended: FloatBuffer
    let logSums: FloatBuffer
    /// The residual stream between attention and feed-forward, `[queries, width]`.
    let middle: FloatBuffer
    let middleInverseRoots: FloatBuffer
    /// Before the activation, `[queries, feedForwardWidth]`.
    let gate: FloatBuffer
    let up: FloatBuffer

    init(model: LanguageModel, rows: Int, queries: Int) {
        let shape = model.configuration
        let queryColumns = shape.headCount * shape.headDimension
        let keyColumns = shape.keyValueHeadCount * shape.headDimension
        input = FloatBuffer(count: rows * shape.width)
        inputInverseRoots = FloatBuffer(count: rows)
        query = FloatBuffer(count: queries * queryColumns)
        key = FloatBuffer(count: rows * keyColumns)
        value = FloatBuffer(count: rows * keyColumns)
        attended = FloatBuffer(count: queries * queryColumns)
        logSums = FloatBuffer(count: queries * shape.headCount)
        middle = FloatBuffer(count: queries * shape.width)
        middleInverseRoots = FloatBuffer(count: queries)
        gate = FloatBuffer(count: queries * shape.feedForwardWidth)
        up = FloatBuffer(count: queries * shape.feedForwardWidth)
    }

    /// An input of its own, all else shared with `other`: for layers that are computed again.
    init(input: FloatBuffer, sharing other: LayerActivations) {
        self.input = input
        inputInverseRoots = other.inputInverseRoots
        query = other.query
        key = other.key
        value = other.value
        attended = other.attended
        logSums = other.logSums
        middle = other.middle
        middleInverseRoots = other.middleInverseRoots
        gate = other.gate
        up = other.up
    }
}

/// Buffers that live within one layer's forward or backward pass.
struct LayerScratch {
    /// A normalised input, `[rows, width]`.
    let normalized: FloatBuffer
    let normalizedGradient: FloatBuffer
    /// `silu(gate) ⊙ up`, `[rows, feedForwardWidth]`.
    let activated: FloatBuffer
    /// Gradients of attention's operands and result.
    let query: FloatBuffer
    let key: FloatBuffer
    let value: FloatBuffer
    let attended: FloatBuffer
    /// `s · dy · B`, `[rows, rank]`.
    let lowRank: FloatBuffer
    /// The gradient of the residual stream.
    let residual: FloatBuffer

    /// - Parameter rows: Rows of a slice, or target rows if those are more.
    init(model: LanguageModel, rows: Int, adapterRank: Int, training: Bool) {
        let shape = model.configuration
        let backward = training ? rows : 0
        let queries = shape.headCount * shape.headDimension
        let keys = shape.keyValueHeadCount * shape.headDimension
        normalized = FloatBuffer(count: rows * shape.width)
        normalizedGradient = FloatBuffer(count: backward * shape.width)
        activated = FloatBuffer(count: rows * shape.feedForwardWidth)
        query = FloatBuffer(count: backward * queries)
        key = FloatBuffer(count: backward * keys)
        value = FloatBuffer(count: backward * keys)
        attended = FloatBuffer(count: backward * queries)
        lowRank = FloatBuffer(count: backward * adapterRank)
        residual = FloatBuffer(count: backward * shape.width)
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
