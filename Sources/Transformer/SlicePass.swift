import ModelFiles
import Tensors

/// One pass over a slice, forward and backward: what all its layers are given.
struct SlicePass<Operations: TensorOperations> {
    typealias Memory = Operations.Memory

    let operations: Operations
    let rows: Operations.Rows
    /// Rows of the slice, and targets.
    let rowCount: Int
    let targetCount: Int
    let adapter: AdapterOperands<Memory>?
    let scratch: LayerScratch<Memory>
    let workspace: Operations.Workspace

    func count(_ set: RowSet) -> Int { set == .all ? rowCount : targetCount }

    /// The rows of `x` with a query: `x` itself or a copy of the target rows, valid until the next.
    func gathered(_ x: Matrix<Memory>, _ set: RowSet) -> Matrix<Memory> {
        guard set == .targets else { return x }
        let target = Matrix(scratch.gathered, rows: targetCount, columns: x.columns)
        operations.gatherTargets(x, rows, into: target)
        return target
    }

    /// The gradient of what a block yields, given that of the residual stream that it was added to,
    /// where the block normalises it.
    func blockGradient(
        _ residual: Matrix<Memory>, _ norm: Operations.NormWeights?, output: Memory?,
        _ statistics: Memory?
    ) -> Matrix<Memory> {
        guard let norm, let output, let statistics, let memory = scratch.blockOutput else {
            return residual
        }
        let gradient = Matrix(memory, rows: residual.rows, columns: residual.columns)
        operations.clear(gradient)
        operations.normalizeBack(
            residual, x: Matrix(output, rows: residual.rows, columns: residual.columns), norm,
            statistics: statistics, into: gradient)
        return gradient
    }
}

/// Memory that lives within one layer's forward or backward pass. What a family or a forward pass does
/// not need is absent or empty.
struct LayerScratch<Memory: TensorMemory> {
    /// A normalised input, `[rows, width]`.
    let normalized: Memory
    let normalizedGradient: Memory
    /// What enters the down projection, `[rows, feedForwardWidth]`.
    let activated: Memory
    /// What a fused projection yields, or its gradient.
    let fused: Memory
    /// The queries of all rows, `[rows, heads · d]`, where they are fused with keys and values.
    let fusedQuery: Memory
    /// Gradients of attention's operands and result.
    let query: Memory
    let key: Memory
    let value: Memory
    let attended: Memory
    /// The gradient of queries or keys before their heads were normalised, `[rows, heads · d]`.
    let plainHeads: Memory
    /// The gradient of the residual stream.
    let residual: Memory
    /// The gradient of what a block yields, `[rows, width]`; `nil` where no block normalises that.
    let blockOutput: Memory?
    /// Rows that were gathered for the last layer's queries, `[targets, width]`, and their gradient.
    let gathered: Memory
    let gatheredGradient: Memory

    /// - Parameter rows: Rows of a slice, or target rows if those are more.
    init<Operations: TensorOperations>(
        _ operations: Operations, _ shape: DecoderConfiguration, rows: Int, targets: Int,
        training: Bool
    ) where Operations.Memory == Memory {
        let family = shape.family
        let backward = training ? rows : 0
        let queries = shape.headCount * shape.headDimension
        let keys = shape.keyValueHeadCount * shape.headDimension
        let fusedKinds = family.projections.filter { $0 == .queryKeyValue || $0 == .gateUp }
        let fusesQueries = fusedKinds.contains(.queryKeyValue)
        func operand(_ count: Int) -> Memory { operations.memory(.operand, count: count) }
        normalized = operand(rows * shape.width)
        normalizedGradient = operand(backward * shape.width)
        activated = operand(rows * shape.feedForwardWidth)
        fused = operand(rows * (fusedKinds.map { shape.size(of: $0).outputs }.max() ?? 0))
        fusedQuery = operand(fusesQueries ? rows * queries : 0)
        query = operand(backward * queries)
        key = operand(backward * keys)
        value = operand(backward * keys)
        attended = operand(backward * queries)
        plainHeads = operand(family.norms[.query] == nil ? 0 : backward * queries)
        residual = operations.memory(.residual, count: backward * shape.width)
        let normalisesBlocks =
            family.norms[.afterAttention] != nil || family.norms[.afterFeedForward] != nil
        blockOutput = normalisesBlocks ? operand(backward * shape.width) : nil
        gathered = operand(targets * shape.width)
        gatheredGradient = operand(training ? targets * shape.width : 0)
    }
}

/// Which gradients a layer must form: those that an adapted projection, in it or below it, needs.
struct WantedGradients {
    /// Of the layer's input.
    let input: Bool
    let query: Bool
    let key: Bool
    let value: Bool
    let attended: Bool
    /// Of what attention adds to the residual stream.
    let attention: Bool
    /// Of what enters the feed-forward block.
    let feedForwardInput: Bool
    /// Of what enters the down projection.
    let activated: Bool
    /// Whether a projection before the activation is adapted, which needs its input again.
    let activationInput: Bool
    /// Whether the down projection is adapted, which needs what entered it again.
    let down: Bool

    /// - Parameters:
    ///   - continues: Whether a lower layer is adapted.
    ///   - isParallel: Whether the feed-forward block reads the layer's input.
    init(layer: Int, _ layout: LowRankLayout, continues: Bool, isParallel: Bool) {
        func isAdapted(_ kind: ProjectionKind) -> Bool {
            layout.pair(layer: layer, projection: kind) != nil
        }
        let all = continues || isAdapted(.queryKeyValue)
        input = continues
        query = all || isAdapted(.query)
        key = all || isAdapted(.key)
        value = all || isAdapted(.value)
        attended = query || key || value
        attention = attended || isAdapted(.output)
        feedForwardInput = isParallel ? continues : attention
        activationInput = isAdapted(.gate) || isAdapted(.up) || isAdapted(.gateUp)
        activated = feedForwardInput || activationInput
        down = isAdapted(.down)
    }
}
