import ModelFiles
import Tensors

/// A range of a model's layers: rows go in and rows come out, forward and backward.
///
/// A model is one stage today. Where layers lie does not change what a slice gives.
struct DecoderStage<Operations: TensorOperations>: Sendable {
    typealias Memory = Operations.Memory
    typealias Pass = SlicePass<Operations>

    /// Layers of the model.
    let range: Range<Int>
    /// Whether its last layer is the model's, which has queries at target rows only.
    let isLast: Bool
    private let layers: [DecoderLayer<Operations>]

    /// - Parameter rotation: The angles of a layer.
    init(
        layers range: Range<Int>, _ shape: DecoderConfiguration, _ operations: Operations,
        _ files: Operations.Files, rotation: (_ layer: Int) -> Operations.Rotation?
    ) throws(ModelFileError) {
        self.range = range
        isLast = range.upperBound == shape.layerCount
        var layers: [DecoderLayer<Operations>] = []
        for layer in range {
            layers.append(
                try DecoderLayer(layer: layer, shape, operations, files, rotation(layer)))
        }
        self.layers = layers
    }

    /// The rows at which a layer computes more than keys and values: everywhere or, in the model's last
    /// layer, where a loss looks.
    private func queries(of layer: Int) -> RowSet {
        isLast && layer == range.upperBound - 1 ? .targets : .all
    }

    /// Runs all layers.
    ///
    /// - Parameters:
    ///   - kept: The input of its first layer is what goes in.
    ///   - output: What comes out: of all rows or, at the model's end, of the target rows.
    func forward(_ pass: Pass, _ kept: StageActivations<Memory>, into output: Matrix<Memory>) {
        for layer in range {
            let next =
                layer + 1 == range.upperBound
                ? output
                : Matrix(kept[layer + 1].input, rows: pass.rowCount, columns: output.columns)
            layers[layer - range.lowerBound].forward(
                pass, kept[layer], queries: queries(of: layer), into: next)
        }
    }

    /// Runs one layer over new rows of a sequence whose past is in `cache`.
    ///
    /// - Parameter rows: `[rows, width]`, the layer's input; overwritten by its output.
    func forward(
        _ pass: Pass, layer: Int, _ kept: LayerActivations<Memory>, _ cache: KeyValueCache<Memory>,
        inPlace rows: Matrix<Memory>
    ) {
        layers[layer - range.lowerBound].forward(
            pass, kept, queries: .all, cache: cache, into: rows)
    }

    /// From the gradient of what came out down to the lowest adapted layer, and there no further than
    /// its lowest adapted projection.
    ///
    /// - Parameters:
    ///   - recomputes: Whether layers below the last kept only their input.
    ///   - output: The gradient of what came out; changed.
    /// - Returns: The gradient of what went in, unless the lowest adapted layer is here.
    @discardableResult
    func backward(
        _ pass: Pass, _ adapter: AdapterOperands<Memory>, _ kept: StageActivations<Memory>,
        recomputes: Bool, output: Matrix<Memory>
    ) -> Matrix<Memory>? {
        let lowest = adapter.layout.lowestLayer
        let stream = Matrix(pass.scratch.residual, rows: pass.rowCount, columns: output.columns)
        for layer in range.reversed() where layer >= lowest {
            let isTop = layer == range.upperBound - 1
            let (own, set) = (layers[layer - range.lowerBound], queries(of: layer))
            // What the top layer has computed is still there.
            if recomputes && !isTop { own.forward(pass, kept[layer], queries: set, into: nil) }
            own.backward(
                pass, adapter, kept[layer], queries: set, isTop ? output : stream,
                WantedGradients(
                    layer: layer, adapter.layout, continues: layer > lowest,
                    isParallel: own.isParallel))
        }
        return lowest < range.lowerBound ? stream : nil
    }
}

/// One decoder layer: attention, then a feed-forward block.
///
///     m = x + attention(x),    output = m + feedForward(m)
///
/// In parallel, the feed-forward block reads `x` in place of `m`.
struct DecoderLayer<Operations: TensorOperations>: Sendable {
    typealias Memory = Operations.Memory

    private let attention: AttentionBlock<Operations>
    private let feedForward: FeedForwardBlock<Operations>
    let isParallel: Bool

    init(
        layer: Int, _ shape: DecoderConfiguration, _ operations: Operations,
        _ files: Operations.Files, _ rotation: Operations.Rotation?
    ) throws(ModelFileError) {
        guard let norm = try operations.norm(.layer(.input, layer), files) else {
            preconditionFailure("every family normalises what enters a layer")
        }
        isParallel = shape.parallelResidual
        attention = try AttentionBlock(
            layer: layer, norm: norm, shape, operations, files, rotation)
        feedForward = try FeedForwardBlock(
            layer: layer, norm: try operations.norm(.layer(.feedForward, layer), files) ?? norm,
            shape, operations, files)
    }

    /// - Parameter output: `[queries, width]`; `nil` to compute only what the backward pass needs, from
    ///   the kept input: the same operations on the same numbers, so the same bits.
    func forward(
        _ pass: SlicePass<Operations>, _ kept: LayerActivations<Memory>, queries set: RowSet,
        cache: KeyValueCache<Memory>? = nil, into output: Matrix<Memory>?
    ) {
        let middle = kept.middleMatrix(pass, set)
        let input = attention.forward(
            pass, kept.attention, queries: set, cache: cache, into: middle)
        feedForward.forward(
            pass, kept.feedForward, input: isParallel ? input : middle, residual: middle,
            into: output)
    }

    /// - Parameter residual: The gradient of the layer's output, `[queries, width]`; changed. That of
    ///   its input is left in the scratch's `residual`, if it is wanted.
    func backward(
        _ pass: SlicePass<Operations>, _ adapter: AdapterOperands<Memory>,
        _ kept: LayerActivations<Memory>, queries set: RowSet, _ residual: Matrix<Memory>,
        _ wants: WantedGradients
    ) {
        let input = Matrix(kept.input, rows: pass.rowCount, columns: residual.columns)
        var dAttended: Matrix<Memory>?
        if isParallel {
            // Attention must see the gradient of the layer's output before the other block adds its part.
            dAttended = attention.backwardOutput(pass, adapter, kept.attention, residual, wants)
            feedForward.backward(
                pass, adapter, kept.feedForward, input: pass.gathered(input, set), residual, wants)
        } else {
            feedForward.backward(
                pass, adapter, kept.feedForward, input: kept.middleMatrix(pass, set), residual,
                wants)
            dAttended = attention.backwardOutput(pass, adapter, kept.attention, residual, wants)
        }
        guard let dAttended else { return }
        attention.backward(
            pass, adapter, kept.attention, queries: set, residual, dAttended, wants)
    }
}

/// What the backward pass needs of one layer.
struct LayerActivations<Memory: TensorMemory> {
    private(set) var attention: AttentionActivations<Memory>
    /// The residual stream with attention added, `[queries, width]`.
    let middle: Memory
    let feedForward: FeedForwardActivations<Memory>
    private let width: Int

    /// The residual stream as it enters the layer, `[rows, width]`.
    var input: Memory { attention.input }

    init<Operations: TensorOperations>(
        _ operations: Operations, _ shape: DecoderConfiguration, rows: Int, queries: Int,
        keyRows: Int
    ) where Operations.Memory == Memory {
        attention = AttentionActivations(
            operations, shape, rows: rows, queries: queries, keyRows: keyRows)
        middle = operations.memory(.residual, count: queries * shape.width)
        feedForward = FeedForwardActivations(operations, shape, queries: queries)
        width = shape.width
    }

    /// The same but for an input of its own: for layers that are computed again.
    func sharingAll(but input: Memory) -> LayerActivations {
        var other = self
        other.attention = attention.sharingAll(but: input)
        return other
    }

    func middleMatrix<Operations: TensorOperations>(
        _ pass: SlicePass<Operations>, _ set: RowSet
    ) -> Matrix<Memory> where Operations.Memory == Memory {
        Matrix(middle, rows: pass.count(set), columns: width)
    }
}

/// What a stage keeps of a slice for the backward pass.
struct StageActivations<Memory: TensorMemory> {
    /// Those of the layers that the backward pass visits; layers below share the first.
    private let layers: [LayerActivations<Memory>]
    private let firstKept: Int

    /// - Parameters:
    ///   - firstKept: The lowest layer that the backward pass visits.
    ///   - targets: Rows of the last layer's queries.
    ///   - recomputes: Whether layers keep their input alone, and the backward pass computes the rest
    ///     again.
    init<Operations: TensorOperations>(
        _ operations: Operations, _ shape: DecoderConfiguration, rows: Int, targets: Int,
        firstKept: Int, recomputes: Bool
    ) where Operations.Memory == Memory {
        self.firstKept = firstKept
        let lowest = LayerActivations(
            operations, shape, rows: rows, queries: rows, keyRows: rows)
        let last = shape.layerCount - 1
        layers = (firstKept...last).map { layer in
            if layer == firstKept { return lowest }
            if recomputes {
                return lowest.sharingAll(
                    but: operations.memory(.residual, count: rows * shape.width))
            }
            return LayerActivations(
                operations, shape, rows: rows, queries: layer == last ? targets : rows,
                keyRows: rows)
        }
    }

    subscript(layer: Int) -> LayerActivations<Memory> { layers[max(0, layer - firstKept)] }
}
