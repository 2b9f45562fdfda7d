import Kernels
import ModelFiles
import Slices
import Tensors
import Transformer

/// Operations that compute nothing and count what a lane calls: matrix products by kind, bytes that are
/// read, memory by role. Nothing of the matrices' sizes is allocated.
///
/// What it tells of a family is what a ``Lane`` does for it, because the lane is the same.
struct CountingOperations: TensorOperations {
    let tally = Tally()
    /// How frozen weights are stored.
    let weights: BlockFormat

    /// What was counted.
    ///
    /// `@unchecked Sendable`: one thread counts at a time.
    final class Tally: @unchecked Sendable {
        fileprivate(set) var products: [(product: MatrixProduct, count: Int)] = []
        fileprivate(set) var readBytes = 0
        fileprivate(set) var memoryBytes: [MemoryRole: Int] = [:]

        /// Forgets everything.
        func begin() {
            products.removeAll()
            readBytes = 0
            memoryBytes.removeAll()
        }
    }

    /// Numbers that lie nowhere.
    final class Memory: TensorMemory {
        let count: Int
        init(count: Int) { self.count = count }
    }

    struct Weight {
        /// Numbered over layers, the output projection last.
        let index: Int
        let outputs: Int
        let inputs: Int
        let bytes: Int
    }

    struct Nothing: Sendable {}
    final class Workspace: Sendable {}

    // MARK: Made once

    func memory(_ role: MemoryRole, count: Int) -> Memory {
        tally.memoryBytes[role, default: 0] += count * MemoryLayout<Float>.stride
        return Memory(count: count)
    }

    func workspace(_ needs: WorkspaceNeeds) -> Workspace { Workspace() }

    func weight(_ part: FrozenPart, _ files: DecoderConfiguration) -> Weight {
        let kinds = ProjectionKind.allCases.count
        func weight(_ index: Int, _ outputs: Int, _ inputs: Int) -> Weight {
            let rowBytes = weights.byteCount(elements: inputs) ?? 4 * inputs
            return Weight(
                index: index, outputs: outputs, inputs: inputs, bytes: outputs * rowBytes)
        }
        switch part {
        case .projection(let kind, let layer):
            let (outputs, inputs) = files.size(of: kind)
            return weight(layer * kinds + kind.index, outputs, inputs)
        case .embedding, .head:
            return weight(files.layerCount * kinds, files.vocabularySize, files.width)
        case .positionEmbedding: return weight(0, files.maximumPositions, files.width)
        }
    }

    func bias(of part: FrozenPart, _ files: DecoderConfiguration) -> Nothing? {
        switch part {
        case .projection(let kind, _): files.biases.contains(kind) ? Nothing() : nil
        case .head: files.headBias ? Nothing() : nil
        case .embedding, .positionEmbedding: nil
        }
    }

    func norm(_ place: NormPlace, _ files: DecoderConfiguration) -> Nothing? {
        guard case .layer(let role, _) = place else { return Nothing() }
        return files.family.norms[role] == nil ? nil : Nothing()
    }

    func rotation(inverseWavelengths: [Float], positions: Int, neighbours: Bool) -> Nothing {
        Nothing()
    }

    // MARK: Once a slice

    func rows(of slice: PackedSlice) -> PackedSlice { slice }
    func trained(_ parameters: LowRankParameters) -> Memory {
        Memory(count: parameters.buffer.count)
    }

    // MARK: Products

    func project(_ x: Matrix<Memory>, _ weight: Weight, into y: Matrix<Memory>, _: Workspace) {
        read(weight)
        add(.frozen, x.rows, weight.outputs, weight.inputs, right: true, weight: weight.index)
    }

    func projectBack(
        _ dy: Matrix<Memory>, _ weight: Weight, into dx: Matrix<Memory>, adding: Bool, _: Workspace
    ) {
        read(weight)
        add(.frozen, dy.rows, weight.inputs, weight.outputs, weight: weight.index)
    }

    func multiply(
        _ a: Matrix<Memory>, transposeA: Bool, _ b: Matrix<Memory>, transposeB: Bool,
        into c: Matrix<Memory>, alpha: Float, beta: Float
    ) {
        read(a, b)
        add(
            .lowRank, c.rows, c.columns, transposeA ? a.rows : a.columns, left: transposeA,
            right: transposeB)
    }

    /// Scores and values of each block of queries, for each head.
    func attend(
        _ operands: AttentionOperands<Memory>, _ rows: PackedSlice, _ set: RowSet,
        _ shape: AttentionShape, _: Workspace
    ) {
        forEachBlock(rows, set, shape) { queries, keys in
            add(.attention, queries, keys, shape.dimension, right: true, count: shape.heads)
            add(.attention, queries, shape.dimension, keys, count: shape.heads)
        }
        read(operands.query, operands.key, operands.value)
    }

    /// Scores again, then the gradients of what is asked for.
    func attendBack(
        _ dAttended: Matrix<Memory>, _ operands: AttentionOperands<Memory>, _ rows: PackedSlice,
        _ set: RowSet, _ shape: AttentionShape, into gradients: AttentionGradients<Memory>,
        _: Workspace
    ) {
        let (d, heads) = (shape.dimension, shape.heads)
        forEachBlock(rows, set, shape) { queries, keys in
            add(.attention, queries, keys, d, right: true, count: heads)
            if gradients.value != nil {
                add(.attention, keys, d, queries, left: true, count: heads)
            }
            guard gradients.query != nil || gradients.key != nil else { return }
            add(.attention, queries, keys, d, right: true, count: heads)
            if gradients.query != nil { add(.attention, queries, d, keys, count: heads) }
            if gradients.key != nil {
                add(.attention, keys, d, queries, left: true, count: heads)
            }
        }
        read(dAttended, operands.query, operands.key, operands.value, operands.attended)
    }

    func crossEntropy(
        _ x: Matrix<Memory>, head: Weight, bias: Nothing?, cap: Float?, _ rows: PackedSlice,
        dx: Matrix<Memory>?, _: Workspace
    ) {
        read(x)
        for first in stride(from: 0, to: x.rows, by: Backend.logitRows) {
            let targets = min(Backend.logitRows, x.rows - first)
            read(head)
            add(.logits, targets, head.outputs, head.inputs, right: true, weight: head.index)
            guard dx != nil else { continue }
            read(head)
            add(.logits, targets, head.inputs, head.outputs, weight: head.index)
        }
    }

    private func forEachBlock(
        _ rows: PackedSlice, _ set: RowSet, _ shape: AttentionShape,
        _ body: (_ queries: Int, _ keys: Int) -> Void
    ) {
        for run in rows.queries(set).runs {
            shape.forEachBlock(ofQueries: run.queries.count, past: run.firstPosition) {
                body($0.count, $1.count)
            }
        }
    }

    private func add(
        _ kind: MatrixProduct.Kind, _ rows: Int, _ columns: Int, _ depth: Int, left: Bool = false,
        right: Bool = false, weight: Int = 0, count: Int = 1
    ) {
        guard rows > 0, columns > 0, depth > 0 else { return }
        let product = MatrixProduct(
            kind: kind, rows: rows, columns: columns, depth: depth, transposesLeft: left,
            transposesRight: right, weight: weight)
        tally.products.append((product, count))
    }

    private func read(_ matrices: Matrix<Memory>?...) {
        for case let matrix? in matrices {
            tally.readBytes += matrix.rows * matrix.columns * MemoryLayout<Float>.stride
        }
    }

    private func read(_ weight: Weight) { tally.readBytes += weight.bytes }

    // MARK: Rows and pointwise: what is read, and no products

    func embed(_ rows: PackedSlice, _ weight: Weight, into y: Matrix<Memory>) {
        tally.readBytes += weight.bytes / weight.outputs * y.rows
    }
    func embedPositions(_ rows: PackedSlice, _ weight: Weight, into y: Matrix<Memory>) {
        tally.readBytes += weight.bytes / weight.outputs * y.rows
    }
    func gatherTargets(_ x: Matrix<Memory>, _ rows: PackedSlice, into y: Matrix<Memory>) { read(y) }
    func scatterAddTargets(_ x: Matrix<Memory>, _ rows: PackedSlice, to y: Matrix<Memory>) {
        read(x, x)
    }
    func rotate(
        _ x: Matrix<Memory>, heads: Int, _ rows: PackedSlice, _ set: RowSet, _: Nothing,
        inverse: Bool
    ) { read(x) }
    func normalize(
        _ x: Matrix<Memory>, _: Nothing, into y: Matrix<Memory>, statistics: Memory
    ) { read(x) }
    func normalizeAgain(
        _ x: Matrix<Memory>, _: Nothing, statistics: Memory, into y: Matrix<Memory>
    ) { read(x) }
    func normalizeBack(
        _ dy: Matrix<Memory>, x: Matrix<Memory>, _: Nothing, statistics: Memory,
        into dx: Matrix<Memory>
    ) { read(dy, x, dx) }
    func activate(
        _: Kernels.Activation, _ x: Matrix<Memory>, factor: Matrix<Memory>?,
        into y: Matrix<Memory>
    ) { read(x, factor) }
    func activateBack(
        _: Kernels.Activation, _ dy: Matrix<Memory>, x: Matrix<Memory>, factor: Matrix<Memory>?
    ) { read(dy, x, factor) }
    func add(_ x: Matrix<Memory>, to y: Matrix<Memory>) { read(x, y) }
    func add(bias: Nothing, to y: Matrix<Memory>) { read(y) }
    func scale(_ y: Matrix<Memory>, by factor: Float) { read(y) }
    func cap(_ y: Matrix<Memory>, at cap: Float) { read(y) }
    func clear(_ y: Matrix<Memory>) {}
    func copy(_ x: Matrix<Memory>, into y: Matrix<Memory>) { read(x) }
    func split(_ x: Matrix<Memory>, _ blocks: ColumnBlocks, into y: Matrix<Memory>) { read(y) }
    func join(_ y: Matrix<Memory>, _ blocks: ColumnBlocks, into x: Matrix<Memory>) { read(y) }

    // MARK: What the host gets: nothing

    func losses(_: Workspace, count: Int) -> ArraySlice<Double> { [] }
    func numbers(of x: Matrix<Memory>) -> [Float] { [] }
    func add(_ gradient: Memory, to sum: ExactSum, slicesInStep: Int) {}
    func withHostCopy(of memory: Memory, _ body: (FloatBuffer) -> Void) {}
}
