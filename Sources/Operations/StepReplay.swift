import Kernels
import ModelFiles
import Slices
import Tensors
import Training
import Transformer

/// Parts of a step, each done again by itself with the operations that a lane calls, at the same
/// shapes: where the time goes, without a clock inside a lane.
final class StepReplay: @unchecked Sendable {
    // `@unchecked Sendable`: written once; each lane uses its own operands.

    enum Part: CaseIterable { case frozenProducts, lowRankProducts, attention, loss }

    private let model: DecoderConfiguration
    private let layout: LowRankLayout
    private let backend: Backend
    private let slices: [(work: SliceWork, products: StepProducts)]
    /// By layer and kind, `nil` where the family has none; the output projection last.
    private let weights: [FrozenWeight?]
    private let operands: [LaneOperands]
    private let recomputes: Bool

    private struct LaneOperands {
        let scratch: Scratch
        let left: FloatBuffer
        let right: FloatBuffer
        let result: FloatBuffer
        let attention: [FloatBuffer]
        let targets: [Int32]
        let losses: UnsafeMutableBufferPointer<Double>
    }

    init(_ run: RunRehearsal, _ slices: [PackedSlice], lanes: Int) throws {
        let model = run.model.configuration
        self.model = model
        layout = run.layout
        backend = run.backend
        recomputes = run.recomputes
        let (layout, recomputes) = (run.layout, run.recomputes)
        self.slices = slices.map {
            let work = SliceWork($0)
            return (
                work,
                StepProducts(model: model, layout: layout, slice: work, recomputes: recomputes)
            )
        }
        weights = try Self.weights(run.model)
        var bounds = SliceBounds()
        for slice in slices { bounds.include(slice) }
        let products = self.slices.flatMap(\.products.products).map(\.product)
        operands = (0..<lanes).map { _ in Self.operands(model, bounds, products, run.backend) }
    }

    deinit { for lane in operands { lane.losses.deallocate() } }

    private static func weights(_ files: BaseModel) throws -> [FrozenWeight?] {
        let shape = files.configuration
        var weights: [FrozenWeight?] = []
        for layer in 0..<shape.layerCount {
            for kind in ProjectionKind.allCases {
                let has = shape.family.modules[kind] != nil
                weights.append(has ? try files.projection(kind, layer: layer) : nil)
            }
        }
        weights.append(try files.head())
        return weights
    }

    private static func operands(
        _ model: DecoderConfiguration, _ bounds: SliceBounds, _ products: [MatrixProduct],
        _ backend: Backend
    ) -> LaneOperands {
        let rows = max(bounds.tokens, bounds.targets)
        let largest = { (size: (MatrixProduct) -> Int) in
            products.filter { $0.kind != .logits }.map(size).max() ?? 0
        }
        let hidden = bounds.targets * model.width
        let losses = UnsafeMutableBufferPointer<Double>.allocate(capacity: max(1, bounds.targets))
        losses.initialize(repeating: 0)
        let heads = model.headCount * model.headDimension
        return LaneOperands(
            scratch: Scratch(
                halfRows: backend.compute == .float32 ? 0 : rows,
                longestSegment: bounds.longestSegment,
                logitRows: min(bounds.targets, Backend.logitRows),
                vocabularySize: model.vocabularySize, capsScores: model.scoreCap != nil,
                capsLogits: model.logitCap != nil),
            left: .filled(max(hidden, largest { $0.rows * $0.depth })),
            right: .filled(largest { $0.columns * $0.depth }),
            result: FloatBuffer(count: max(hidden, largest { $0.rows * $0.columns })),
            attention: (0..<9).map { _ in .filled(max(rows, bounds.longestSegment) * heads) },
            targets: [Int32](repeating: 1, count: bounds.targets), losses: losses)
    }

    /// Seconds of all lanes together for `part` of all slices.
    func laneSeconds(_ part: Part, on lanes: LanePool) -> Double {
        lanes.busySeconds(count: slices.count) { [self] lane, index in
            let (slice, operands) = (slices[index], operands[lane])
            switch part {
            case .frozenProducts: multiply(slice.products, .frozen, operands)
            case .lowRankProducts: multiply(slice.products, .lowRank, operands)
            case .attention: attend(slice.work, operands)
            case .loss: loss(slice.work, operands)
            }
        }
    }

    private func multiply(
        _ products: StepProducts, _ kind: MatrixProduct.Kind, _ operands: LaneOperands
    ) {
        for (product, count) in products.products where product.kind == kind {
            let (m, n, k) = (product.rows, product.columns, product.depth)
            let left =
                product.transposesLeft
                ? Matrix(operands.left, rows: k, columns: m)
                : HostMatrix(operands.left, rows: m, columns: k)
            let result = Matrix(operands.result, rows: m, columns: n)
            for _ in 0..<count {
                if kind == .lowRank {
                    let right =
                        product.transposesRight
                        ? Matrix(operands.right, rows: n, columns: k)
                        : HostMatrix(operands.right, rows: k, columns: n)
                    backend.multiply(
                        left, transposeA: product.transposesLeft, right,
                        transposeB: product.transposesRight, into: result)
                } else if let weight = weights[product.weight] {
                    if product.transposesRight {
                        backend.project(left, weight, into: result, scratch: operands.scratch)
                    } else {
                        backend.projectBack(
                            left, weight, into: result, adding: false, scratch: operands.scratch)
                    }
                }
            }
        }
    }

    private func attend(_ work: SliceWork, _ operands: LaneOperands) {
        let last = model.layerCount - 1
        for layer in 0..<model.layerCount {
            let runs = layer == last ? work.targetRuns : work.runs
            let forwards = recomputes && layer >= layout.lowestLayer && layer < last ? 2 : 1
            for run in runs {
                let attention = AttentionReplay(
                    model, layer: layer, run, operands.attention)
                for _ in 0..<forwards { attention.forward(backend, operands.scratch) }
                guard layer >= layout.lowestLayer else { continue }
                attention.backward(
                    backend, operands.scratch,
                    wants: { [self] kind in
                        layer > layout.lowestLayer
                            || layout.pair(layer: layer, projection: kind) != nil
                    })
            }
        }
    }

    private func loss(_ work: SliceWork, _ operands: LaneOperands) {
        guard let head = weights.last ?? nil else { return }
        operands.targets.withUnsafeBufferPointer { targets in
            backend.crossEntropy(
                Matrix(operands.left, rows: work.targets, columns: model.width), head: head,
                cap: model.logitCap.map { Float($0) },
                targets: UnsafeBufferPointer(rebasing: targets[..<work.targets]),
                losses: operands.losses,
                dx: HostMatrix(operands.result, rows: work.targets, columns: model.width),
                scratch: operands.scratch)
        }
    }
}

/// Attention of one run of queries, forward and backward.
private struct AttentionReplay {
    private let shape: AttentionShape
    private let run: SliceWork.Run
    private let queries: [HostMatrix]
    private let keys: [HostMatrix]
    private let logSums: HostMatrix

    init(
        _ model: DecoderConfiguration, layer: Int, _ run: SliceWork.Run, _ buffers: [FloatBuffer]
    ) {
        self.run = run
        shape = model.attentionShape(layer: layer)
        let (wide, narrow) = (
            shape.heads * shape.dimension, shape.keyValueHeads * shape.dimension
        )
        queries = buffers[..<4].map { Matrix($0, rows: run.queries, columns: wide) }
        keys = buffers[4..<8].map {
            Matrix($0, rows: run.keysBefore + run.queries, columns: narrow)
        }
        logSums = Matrix(buffers[8], rows: run.queries, columns: shape.heads)
    }

    func forward(_ backend: Backend, _ scratch: Scratch) {
        backend.attend(
            queries[0], keys[0], keys[1], shape: shape, into: queries[1], logSums: logSums,
            past: run.keysBefore, scratch: scratch)
    }

    func backward(_ backend: Backend, _ scratch: Scratch, wants: (ProjectionKind) -> Bool) {
        guard wants(.query) || wants(.key) || wants(.value) else { return }
        backend.attendBack(
            queries[2], q: queries[0], k: keys[0], v: keys[1], out: queries[1], logSums: logSums,
            shape: shape, dq: wants(.query) ? queries[3] : nil,
            dk: wants(.key) ? keys[2] : nil, dv: wants(.value) ? keys[3] : nil,
            past: run.keysBefore, scratch: scratch)
    }
}
