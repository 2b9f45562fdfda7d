import ModelFiles
import Tensors

/// What the backward pass needs of one layer, for a slice of at most `tokens` rows.
struct LayerActivations {
    /// The residual stream as it enters the layer, `[tokens, width]`.
    let input: FloatBuffer
    let inputInverseRoots: FloatBuffer
    /// After rotation, `[tokens, heads · d]` and `[tokens, keyValueHeads · d]`.
    let query: FloatBuffer
    let key: FloatBuffer
    let value: FloatBuffer
    /// What attention yields, `[tokens, heads · d]`.
    let attended: FloatBuffer
    let logSums: FloatBuffer
    /// The residual stream between attention and feed-forward.
    let middle: FloatBuffer
    let middleInverseRoots: FloatBuffer
    /// Before the activation, `[tokens, feedForwardWidth]`.
    let gate: FloatBuffer
    let up: FloatBuffer

    init(model: LanguageModel, tokens: Int) {
        let shape = model.configuration
        let queries = shape.headCount * shape.headDimension
        let keys = shape.keyValueHeadCount * shape.headDimension
        input = FloatBuffer(count: tokens * shape.width)
        inputInverseRoots = FloatBuffer(count: tokens)
        query = FloatBuffer(count: tokens * queries)
        key = FloatBuffer(count: tokens * keys)
        value = FloatBuffer(count: tokens * keys)
        attended = FloatBuffer(count: tokens * queries)
        logSums = FloatBuffer(count: tokens * shape.headCount)
        middle = FloatBuffer(count: tokens * shape.width)
        middleInverseRoots = FloatBuffer(count: tokens)
        gate = FloatBuffer(count: tokens * shape.feedForwardWidth)
        up = FloatBuffer(count: tokens * shape.feedForwardWidth)
    }
}

/// Buffers that live within one layer's forward or backward pass.
struct LayerScratch {
    /// A normalised input, `[tokens, width]`.
    let normalized: FloatBuffer
    let normalizedGradient: FloatBuffer
    /// `silu(gate) ⊙ up`, `[tokens, feedForwardWidth]`.
    let activated: FloatBuffer
    /// Gradients of attention's operands and result.
    let query: FloatBuffer
    let key: FloatBuffer
    let value: FloatBuffer
    let attended: FloatBuffer
    /// `s · dy · B`, `[tokens, rank]`.
    let lowRank: FloatBuffer
    /// The gradient of the residual stream.
    let residual: FloatBuffer

    init(model: LanguageModel, tokens: Int, adapterRank: Int, training: Bool) {
        let shape = model.configuration
        let backward = training ? tokens : 0
        let queries = shape.headCount * shape.headDimension
        let keys = shape.keyValueHeadCount * shape.headDimension
        normalized = FloatBuffer(count: tokens * shape.width)
        normalizedGradient = FloatBuffer(count: backward * shape.width)
        activated = FloatBuffer(count: tokens * shape.feedForwardWidth)
        query = FloatBuffer(count: backward * queries)
        key = FloatBuffer(count: backward * keys)
        value = FloatBuffer(count: backward * keys)
        attended = FloatBuffer(count: backward * queries)
        lowRank = FloatBuffer(count: backward * adapterRank)
        residual = FloatBuffer(count: backward * shape.width)
    }
}
