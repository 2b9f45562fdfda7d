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
    /// Activations of layers that the backward pass visits; layers below it share the first.
    let kept: [LayerActivations]
    let firstKeptLayer: Int
    /// `x·Aᵀ` of each adapted projection, `[tokens, rank]`.
    let lowRankInputs: [FloatBuffer]
    let finalHidden: FloatBuffer
    let targetHidden: FloatBuffer
    let targetNormalized: FloatBuffer
    let targetGradient: FloatBuffer
    let targetInverseRoots: FloatBuffer
    private let targetLosses: UnsafeMutableBufferPointer<Double>

    /// The gradient of the last slice, in the adapter's layout; empty where nothing is trained.
    public let gradient: FloatBuffer

    /// - Parameters:
    ///   - layout: The adapter's layout, or `nil` to compute the base model alone.
    ///   - bounds: No slice may be larger.
    ///   - training: Whether gradients will be asked for.
    public init(
        model: LanguageModel, layout: LowRankLayout?, bounds: SliceBounds, training: Bool
    ) {
        precondition(!training || layout != nil, "training needs an adapter")
        let shape = model.configuration
        let rank = layout?.adapterRank ?? 0
        self.model = model
        self.layout = layout
        scratch = Scratch(
            longestSegment: bounds.longestSegment,
            logitRows: min(bounds.targets, Backend.logitRows),
            vocabularySize: shape.vocabularySize)
        layerScratch = LayerScratch(
            model: model, tokens: bounds.tokens, adapterRank: rank, training: training)
        firstKeptLayer = training ? (layout?.lowestLayer ?? 0) : shape.layerCount - 1
        kept = (firstKeptLayer..<shape.layerCount).map { _ in
            LayerActivations(model: model, tokens: bounds.tokens)
        }
        lowRankInputs = (layout?.pairs ?? []).map { _ in
            FloatBuffer(count: bounds.tokens * rank)
        }
        finalHidden = FloatBuffer(count: bounds.tokens * shape.width)
        targetHidden = FloatBuffer(count: bounds.targets * shape.width)
        targetNormalized = FloatBuffer(count: bounds.targets * shape.width)
        targetGradient = FloatBuffer(count: training ? bounds.targets * shape.width : 0)
        targetInverseRoots = FloatBuffer(count: bounds.targets)
        targetLosses = .allocate(capacity: max(1, bounds.targets))
        targetLosses.initialize(repeating: 0)
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
    /// `layerScratch.residual`.
    private func targetLosses(
        _ slice: PackedSlice, wantsGradient: Bool
    ) -> UnsafeBufferPointer<Double> {
        let backend = model.backend
        let (rows, width) = (slice.targetRows.count, model.configuration.width)
        let hidden = Matrix(targetHidden, rows: rows, columns: width)
        let normalized = Matrix(targetNormalized, rows: rows, columns: width)
        let final = Matrix(finalHidden, rows: slice.tokens.count, columns: width)
        backend.gather(final, rows: slice.targetRows, into: hidden)
        backend.normalize(
            hidden, weight: model.finalNorm, epsilon: model.configuration.normEpsilon,
            into: normalized, inverseRoots: targetInverseRoots.pointer)
        let gradient =
            wantsGradient ? Matrix(targetGradient, rows: rows, columns: width) : nil
        slice.targetTokens.withUnsafeBufferPointer { targets in
            backend.crossEntropy(
                normalized, head: model.head, targets: targets, losses: targetLosses,
                dx: gradient, scratch: scratch)
        }
        if let gradient {
            // The normalised rows are spent: their buffer takes the gradient of the hidden ones.
            normalized.clear()
            backend.normalizeBack(
                gradient, x: hidden, weight: model.finalNorm,
                inverseRoots: targetInverseRoots.pointer, into: normalized)
            backend.scatter(
                normalized, rows: slice.targetRows,
                into: Matrix(layerScratch.residual, rows: slice.tokens.count, columns: width))
        }
        return UnsafeBufferPointer(rebasing: targetLosses[..<rows])
    }

    func activations(layer: Int) -> LayerActivations { kept[max(0, layer - firstKeptLayer)] }
}
