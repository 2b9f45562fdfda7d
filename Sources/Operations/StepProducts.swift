import Kernels
public import ModelFiles
public import Transformer

/// The matrix products that forward and backward pass of one slice need.
///
/// A second account of what ``Lane`` does, to set a floor under its time; a test compares it with
/// what a lane counts.
public struct StepProducts: Sendable {
    public private(set) var products: [(product: MatrixProduct, count: Int)] = []
    private let model: DecoderConfiguration
    private let layout: LowRankLayout

    /// - Parameters:
    ///   - model: Shape of the model.
    ///   - layout: Which projections are adapted.
    ///   - slice: What is computed.
    ///   - recomputes: Whether layers are computed once more in the backward pass.
    public init(
        model: DecoderConfiguration, layout: LowRankLayout, slice: SliceWork,
        recomputes: Bool = false
    ) {
        self.model = model
        self.layout = layout
        for layer in 0..<model.layerCount { addForward(layer, slice) }
        for first in stride(from: 0, to: slice.targets, by: Backend.logitRows) {
            addLogits(min(Backend.logitRows, slice.targets - first))
        }
        for layer in (layout.lowestLayer..<model.layerCount).reversed() {
            // What the last layer has computed is still there, and nobody asks for outputs.
            if recomputes && layer < model.layerCount - 1 {
                addForward(layer, slice, without: .down)
            }
            addBackward(layer, slice)
        }
    }

    /// Additions and multiplications of one kind, or of all.
    public func operations(_ kind: MatrixProduct.Kind? = nil) -> Double {
        products.filter { kind == nil || $0.product.kind == kind }
            .reduce(0) { $0 + $1.product.operations * Double($1.count) }
    }

    private mutating func add(
        _ kind: MatrixProduct.Kind, _ rows: Int, _ columns: Int, _ depth: Int,
        left: Bool = false, right: Bool = false, weight: Int = 0, count: Int = 1
    ) {
        guard rows > 0, columns > 0, depth > 0, count > 0 else { return }
        products.append(
            (
                MatrixProduct(
                    kind: kind, rows: rows, columns: columns, depth: depth, transposesLeft: left,
                    transposesRight: right, weight: weight), count
            ))
    }

    // MARK: Forward

    private mutating func addForward(
        _ layer: Int, _ slice: SliceWork, without skipped: ProjectionKind? = nil
    ) {
        let last = layer == model.layerCount - 1
        let runs = last ? slice.targetRuns : slice.runs
        for kind in model.family.projections where kind != skipped {
            let needsAll = [.key, .value, .queryKeyValue].contains(kind)
            let rows = needsAll || !last ? slice.rows : slice.targets
            let (outputs, inputs) = model.size(of: kind)
            add(.frozen, rows, outputs, inputs, right: true, weight: weight(layer, kind))
            guard isAdapted(layer, kind) else { continue }
            add(.lowRank, rows, layout.largestAdapterRank, inputs, right: true)
            add(.lowRank, rows, outputs, layout.largestAdapterRank, right: true)
        }
        Self.forEachBlock(of: runs, window: model.window(layer: layer)) { queries, keys in
            add(.attention, queries, keys, model.headDimension, right: true, count: model.headCount)
            add(.attention, queries, model.headDimension, keys, count: model.headCount)
        }
    }

    private mutating func addLogits(_ targets: Int) {
        let weight = model.layerCount * ProjectionKind.allCases.count
        add(.logits, targets, model.vocabularySize, model.width, right: true, weight: weight)
        add(.logits, targets, model.width, model.vocabularySize, weight: weight)
    }

    // MARK: Backward

    /// As ``Lane``: no gradient is formed that no adapted projection, here or below, needs.
    private mutating func addBackward(_ layer: Int, _ slice: SliceWork) {
        let last = layer == model.layerCount - 1
        let queries = last ? slice.targets : slice.rows
        let input = layer > layout.lowestLayer
        let isFused = model.family.modules[.queryKeyValue] != nil
        func wants(_ kind: ProjectionKind) -> Bool {
            input || isAdapted(layer, kind) || isAdapted(layer, .queryKeyValue)
        }
        let attended = wants(.query) || wants(.key) || wants(.value)
        let middle = attended || isAdapted(layer, .output)
        addFeedForwardBackward(
            layer, rows: queries, wantsInput: model.parallelResidual ? input : middle)
        guard middle else { return }
        addBackward(layer, .output, rows: queries, wantsInput: attended)
        guard attended else { return }
        let (d, heads) = (model.headDimension, model.headCount)
        let runs = last ? slice.targetRuns : slice.runs
        Self.forEachBlock(of: runs, window: model.window(layer: layer)) { queries, keys in
            add(.attention, queries, keys, d, right: true, count: heads)
            if wants(.value) { add(.attention, keys, d, queries, left: true, count: heads) }
            guard wants(.query) || wants(.key) else { return }
            add(.attention, queries, keys, d, right: true, count: heads)
            if wants(.query) { add(.attention, queries, d, keys, count: heads) }
            if wants(.key) { add(.attention, keys, d, queries, left: true, count: heads) }
        }
        if isFused {
            addBackward(layer, .queryKeyValue, rows: slice.rows, wantsInput: input)
            return
        }
        addBackward(layer, .key, rows: slice.rows, wantsInput: input)
        addBackward(layer, .value, rows: slice.rows, wantsInput: input)
        addBackward(layer, .query, rows: queries, wantsInput: input)
    }

    private mutating func addFeedForwardBackward(_ layer: Int, rows: Int, wantsInput: Bool) {
        let first = [ProjectionKind.gate, .up, .gateUp].filter { model.family.modules[$0] != nil }
        let activated = wantsInput || first.contains { isAdapted(layer, $0) }
        addBackward(layer, .down, rows: rows, wantsInput: activated)
        guard activated else { return }
        for kind in first { addBackward(layer, kind, rows: rows, wantsInput: wantsInput) }
    }

    private mutating func addBackward(
        _ layer: Int, _ kind: ProjectionKind, rows: Int, wantsInput: Bool
    ) {
        let (outputs, inputs) = model.size(of: kind)
        let rank = layout.largestAdapterRank
        if isAdapted(layer, kind) {
            add(.lowRank, rows, rank, outputs)
            add(.lowRank, outputs, rank, rows, left: true)
            add(.lowRank, rank, inputs, rows, left: true)
            if wantsInput { add(.lowRank, rows, inputs, rank) }
        }
        if wantsInput { add(.frozen, rows, inputs, outputs, weight: weight(layer, kind)) }
    }

    private func isAdapted(_ layer: Int, _ kind: ProjectionKind) -> Bool {
        layout.pair(layer: layer, projection: kind) != nil
    }

    private func weight(_ layer: Int, _ kind: ProjectionKind) -> Int {
        layer * ProjectionKind.allCases.count + kind.index
    }

    private static func forEachBlock(
        of runs: [SliceWork.Run], window: Int?, _ body: (_ queries: Int, _ keys: Int) -> Void
    ) {
        for run in runs {
            for first in stride(from: 0, to: run.queries, by: AttentionShape.queryRows) {
                let queries = min(AttentionShape.queryRows, run.queries - first)
                let keys = run.keysBefore + first + queries
                body(queries, min(keys, window.map { $0 + queries - 1 } ?? keys))
            }
        }
    }
}
