import Kernels
import ModelFiles
public import Slices
public import Tensors

/// One computing thread's memory: slices go in, losses and gradients come out.
///
/// Allocates when it is made and never again. `@unchecked Sendable`: one thread uses it at a time.
public final class Lane: @unchecked Sendable {
    let model: LanguageModel
    let layout: LowRankLayout?
    let scratch: Scratch
    let layerScratch: LayerScratch
    let pathScratch: PathScratch
    /// Activations of layers that the backward pass visits; layers below it share the first.
    let kept: [LayerActivations]
    let firstKeptLayer: Int
    /// Whether layers keep their input alone, and the backward pass computes the rest again.
    let recomputes: Bool
    /// `x·Aᵀ` of each adapted projection, `[rows, rank]`.
    let lowRankInputs: [FloatBuffer]
    /// Rows that were gathered for the last layer's queries, `[targets, width]`.
    let gatheredRows: FloatBuffer
    /// The last layer's output, `[targets, width]`.
    let finalHidden: FloatBuffer
    let finalNormalized: FloatBuffer
    /// The gradient of `finalNormalized`, then that of the normalised rows of the last queries.
    let finalGradient: FloatBuffer
    let finalStatistics: FloatBuffer
    private let targetLosses: UnsafeMutableBufferPointer<Double>

    /// Room to pack the slices that this lane computes, one after the other in the same memory.
    public var slice: PackedSlice

    /// The gradient of the last slice, in the adapter's layout; empty where nothing is trained.
    public let gradient: FloatBuffer

    /// - Parameters:
    ///   - layout: The adapter's layout, or `nil` to compute the base model alone.
    ///   - bounds: No slice may be larger.
    ///   - training: Whether gradients will be asked for.
    ///   - recomputes: Whether to keep only each layer's input for the backward pass and compute the
    ///     layer once more there: the same bits, with the activations of one layer instead of all.
    public init(
        model: LanguageModel, layout: LowRankLayout?, bounds: SliceBounds, training: Bool,
        recomputes: Bool = false
    ) {
        precondition(!training || layout != nil, "training needs an adapter")
        let shape = model.configuration
        let rank = layout?.adapterRank ?? 0
        let targets = bounds.targets
        // Samples that share all their rows have more targets than rows.
        let rows = max(bounds.tokens, targets)
        self.model = model
        self.layout = layout
        scratch = Scratch(
            halfRows: model.backend.compute == .float32 ? 0 : rows,
            longestSegment: bounds.longestSegment,
            logitRows: min(targets, Backend.logitRows),
            vocabularySize: shape.vocabularySize,
            capsScores: training && shape.scoreCap != nil,
            capsLogits: training && shape.logitCap != nil)
        layerScratch = LayerScratch(
            model: model, rows: rows, adapterRank: rank, training: training)
        pathScratch = PathScratch(
            model: model, positions: bounds.longestSegment, training: training)
        let (first, last) = (
            training ? (layout?.lowestLayer ?? 0) : shape.layerCount - 1, shape.layerCount - 1
        )
        firstKeptLayer = first
        self.recomputes = recomputes
        let lowest = LayerActivations(model: model, rows: rows, queries: rows)
        kept = (first...last).map { layer in
            if layer == first { return lowest }
            if recomputes {
                return lowest.sharingAll(but: FloatBuffer(count: rows * shape.width))
            }
            return LayerActivations(
                model: model, rows: rows, queries: layer == last ? targets : rows)
        }
        lowRankInputs = (layout?.pairs ?? []).map { _ in FloatBuffer(count: rows * rank) }
        gatheredRows = FloatBuffer(count: targets * shape.width)
        finalHidden = FloatBuffer(count: targets * shape.width)
        finalNormalized = FloatBuffer(count: targets * shape.width)
        finalGradient = FloatBuffer(count: training ? targets * shape.width : 0)
        finalStatistics = FloatBuffer(
            count: targets * Norm.statisticsPerRow(shape.kernelNorm))
        targetLosses = .allocate(capacity: max(1, targets))
        targetLosses.initialize(repeating: 0)
        slice = PackedSlice(reserving: bounds)
        gradient = FloatBuffer(count: training ? (layout?.parameterCount ?? 0) : 0)
    }

    deinit { targetLosses.deallocate() }

    /// Negative log-likelihood of each target of `slice`, nats, valid until the next call.
    ///
    /// - Parameter parameters: The adapter, or `nil` for the base model alone.
    public func losses(
        _ slice: PackedSlice, _ parameters: LowRankParameters?
    ) -> UnsafeBufferPointer<Double> {
        forward(slice, parameters)
        return targetLosses(slice, wantsGradient: false)
    }

    /// The same, and ``gradient``: that of the *sum* of the losses with respect to the adapter.
    public func lossesAndGradient(
        _ slice: PackedSlice, _ parameters: LowRankParameters
    ) -> UnsafeBufferPointer<Double> {
        forward(slice, parameters)
        let losses = targetLosses(slice, wantsGradient: true)
        backward(slice, parameters)
        return losses
    }

    /// Loss at the target rows; with a gradient, that of the last layer's output is left in
    /// `finalNormalized`.
    private func targetLosses(
        _ slice: PackedSlice, wantsGradient: Bool
    ) -> UnsafeBufferPointer<Double> {
        let backend = model.backend
        let (rows, width) = (slice.targetRows.count, model.configuration.width)
        let hidden = Matrix(finalHidden, rows: rows, columns: width)
        let normalized = Matrix(finalNormalized, rows: rows, columns: width)
        backend.normalize(
            hidden, model.finalNorm, into: normalized, statistics: finalStatistics.pointer)
        let gradient = wantsGradient ? Matrix(finalGradient, rows: rows, columns: width) : nil
        slice.targetTokens.withUnsafeBufferPointer { targets in
            backend.crossEntropy(
                normalized, head: model.head, bias: model.headBias,
                cap: model.configuration.logitCap.map { Float($0) }, targets: targets,
                losses: targetLosses, dx: gradient, scratch: scratch)
        }
        if let gradient {
            // The normalised rows are spent: their buffer takes the gradient of the hidden ones.
            normalized.clear()
            backend.normalizeBack(
                gradient, x: hidden, model.finalNorm, statistics: finalStatistics.pointer,
                into: normalized)
        }
        return UnsafeBufferPointer(rebasing: targetLosses[..<rows])
    }

    var lastLayer: Int { model.layers.count - 1 }

    func activations(layer: Int) -> LayerActivations { kept[max(0, layer - firstKeptLayer)] }
}
