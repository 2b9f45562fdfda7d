public import Kernels
import ModelFiles
public import Slices
public import Tensors

/// One computing thread's memory: slices go in, losses and gradients come out.
///
/// Allocates when it is made and never again. `@unchecked Sendable`: one thread uses it at a time.
public final class Lane<Operations: TensorOperations>: SliceLane, @unchecked Sendable {
    typealias Memory = Operations.Memory

    private let model: LanguageModel<Operations>
    private let layout: LowRankLayout?
    private let kept: StageActivations<Memory>
    private let recomputes: Bool
    private let scratch: LayerScratch<Memory>
    private let workspace: Operations.Workspace
    /// `x·Aᵀ` of each adapted projection, `[rows, rank]`, and `s · dy·B` of one.
    private let lowRankInputs: [Memory]
    private let lowRankGradient: Memory
    /// The last layer's output, `[targets, width]`.
    private let finalHidden: Memory
    private let finalNormalized: Memory
    private let finalStatistics: Memory
    /// The gradient of the last slice, in the adapter's layout; empty where nothing is trained.
    private let gradient: Memory

    public var slice: PackedSlice

    /// - Parameters:
    ///   - layout: The adapter's layout, or `nil` to compute the base model alone.
    ///   - bounds: No slice may be larger.
    ///   - training: Whether gradients will be asked for.
    ///   - recomputes: Whether to keep only each layer's input for the backward pass and compute the
    ///     layer once more there: the same bits, with the activations of one layer instead of all.
    public init(
        model: LanguageModel<Operations>, layout: LowRankLayout?, bounds: SliceBounds,
        training: Bool, recomputes: Bool = false
    ) {
        precondition(!training || layout != nil, "training needs an adapter")
        let (operations, shape) = (model.operations, model.configuration)
        let targets = bounds.targets
        // Samples that share all their rows have more targets than rows.
        let rows = max(bounds.tokens, targets)
        self.model = model
        self.layout = layout
        self.recomputes = recomputes
        workspace = operations.workspace(
            WorkspaceNeeds(
                rows: rows, targets: targets, longestSegment: bounds.longestSegment,
                sharesRows: true, training: training, model: shape))
        scratch = LayerScratch(
            operations, shape, rows: rows, targets: targets, training: training)
        kept = StageActivations(
            operations, shape, rows: rows, targets: targets,
            firstKept: training ? (layout?.lowestLayer ?? 0) : shape.layerCount - 1,
            recomputes: recomputes)
        lowRankInputs = (layout?.pairs ?? []).map {
            operations.memory(.operand, count: rows * $0.adapterRank)
        }
        lowRankGradient = operations.memory(
            .operand, count: training ? rows * (layout?.largestAdapterRank ?? 0) : 0)
        finalHidden = operations.memory(.residual, count: targets * shape.width)
        finalNormalized = operations.memory(.residual, count: targets * shape.width)
        finalStatistics = operations.memory(
            .statistics, count: targets * shape.statisticsPerRow)
        gradient = operations.memory(
            .adapter, count: training ? (layout?.parameterCount ?? 0) : 0)
        slice = PackedSlice(reserving: bounds)
    }

    public func pack(_ samples: Samples, _ part: SliceRule.Part, _ rule: SliceRule) {
        slice.pack(samples, part, rule)
    }

    public func losses(_ parameters: LowRankParameters?) -> ArraySlice<Double> {
        let pass = pass(parameters)
        forward(pass)
        targetLosses(pass, wantsGradient: false)
        return model.operations.losses(workspace, count: slice.targetRows.count)
    }

    public func lossesAndGradient(_ parameters: LowRankParameters) -> ArraySlice<Double> {
        let pass = pass(parameters)
        guard let adapter = pass.adapter else { preconditionFailure("no adapter") }
        forward(pass)
        targetLosses(pass, wantsGradient: true)
        model.layers.backward(
            pass, adapter, kept, recomputes: recomputes,
            output: targets(finalNormalized, pass))
        return model.operations.losses(workspace, count: slice.targetRows.count)
    }

    public func addGradient(to sum: ExactSum, slicesInStep: Int) {
        model.operations.add(gradient, to: sum, slicesInStep: slicesInStep)
    }

    public func withGradient(_ body: (FloatBuffer) -> Void) {
        model.operations.withHostCopy(of: gradient, body)
    }

    private func pass(_ parameters: LowRankParameters?) -> SlicePass<Operations> {
        let operations = model.operations
        return SlicePass(
            operations: operations, rows: operations.rows(of: slice),
            rowCount: slice.tokens.count, targetCount: slice.targetRows.count,
            adapter: parameters.map {
                AdapterOperands(
                    layout: $0.layout, parameters: operations.trained($0), gradient: gradient,
                    lowRankInputs: lowRankInputs, lowRankGradient: lowRankGradient)
            }, scratch: scratch, workspace: workspace)
    }

    /// Runs all layers; the last one's output at the target rows is left in `finalHidden`.
    private func forward(_ pass: SlicePass<Operations>) {
        let (rows, width) = (pass.rowCount, model.configuration.width)
        model.embed(
            pass.rows,
            into: Matrix(kept[model.layers.range.lowerBound].input, rows: rows, columns: width),
            temporary: Matrix(scratch.normalized, rows: rows, columns: width))
        model.layers.forward(pass, kept, into: targets(finalHidden, pass))
    }

    /// With a gradient, that of the last layer's output is left in `finalNormalized`.
    private func targetLosses(_ pass: SlicePass<Operations>, wantsGradient: Bool) {
        model.targetLosses(
            targets(finalHidden, pass), pass, normalized: targets(finalNormalized, pass),
            statistics: finalStatistics,
            gradient: wantsGradient ? targets(scratch.gatheredGradient, pass) : nil)
    }

    private func targets(_ memory: Memory, _ pass: SlicePass<Operations>) -> Matrix<Memory> {
        Matrix(memory, rows: pass.targetCount, columns: model.configuration.width)
    }
}
