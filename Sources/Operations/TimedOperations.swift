import Kernels
import ModelFiles
import Slices
import Synchronization
import Tensors
import Transformer

/// The processor's operations with a clock around those that take most of a step: where its time goes.
///
/// What is timed are whole-matrix calls, so the clock costs nothing that could be seen.
struct TimedOperations: TensorOperations {
    enum Part: CaseIterable { case frozenProducts, lowRankProducts, attention, loss }

    let backend: Backend
    private let spent = Spent()

    init(_ backend: Backend) { self.backend = backend }

    /// Seconds of all lanes together since the last call.
    func takeSeconds() -> [Part: Double] { spent.take() }

    private final class Spent: Sendable {
        private let seconds = Mutex<[Part: Double]>([:])

        func add(_ duration: Duration, to part: Part) {
            seconds.withLock { $0[part, default: 0] += duration / .seconds(1) }
        }

        func take() -> [Part: Double] {
            seconds.withLock { seconds in
                defer { seconds = [:] }
                return seconds
            }
        }
    }

    private func time(_ part: Part, _ body: () -> Void) {
        spent.add(ContinuousClock().measure(body), to: part)
    }

    // MARK: Timed

    func project(
        _ x: HostMatrix, _ weight: FrozenWeight, into y: HostMatrix,
        _ workspace: ProcessorWorkspace
    ) {
        time(.frozenProducts) { backend.project(x, weight, into: y, workspace) }
    }

    func projectBack(
        _ dy: HostMatrix, _ weight: FrozenWeight, into dx: HostMatrix, adding: Bool,
        _ workspace: ProcessorWorkspace
    ) {
        time(.frozenProducts) {
            backend.projectBack(dy, weight, into: dx, adding: adding, workspace)
        }
    }

    func multiply(
        _ a: HostMatrix, transposeA: Bool, _ b: HostMatrix, transposeB: Bool, into c: HostMatrix,
        alpha: Float, beta: Float
    ) {
        time(.lowRankProducts) {
            backend.multiply(
                a, transposeA: transposeA, b, transposeB: transposeB, into: c, alpha: alpha,
                beta: beta)
        }
    }

    func attend(
        _ operands: AttentionOperands<FloatBuffer>, _ rows: PackedSlice, _ set: RowSet,
        _ shape: AttentionShape, _ workspace: ProcessorWorkspace
    ) {
        time(.attention) { backend.attend(operands, rows, set, shape, workspace) }
    }

    func attendBack(
        _ dAttended: HostMatrix, _ operands: AttentionOperands<FloatBuffer>, _ rows: PackedSlice,
        _ set: RowSet, _ shape: AttentionShape, into gradients: AttentionGradients<FloatBuffer>,
        _ workspace: ProcessorWorkspace
    ) {
        time(.attention) {
            backend.attendBack(
                dAttended, operands, rows, set, shape, into: gradients, workspace)
        }
    }

    func crossEntropy(
        _ x: HostMatrix, head: FrozenWeight, bias: FloatBuffer?, cap: Float?, _ rows: PackedSlice,
        dx: HostMatrix?, _ workspace: ProcessorWorkspace
    ) {
        time(.loss) {
            backend.crossEntropy(
                x, head: head, bias: bias, cap: cap, rows, dx: dx, workspace)
        }
    }

    // MARK: Not timed

    func memory(_ role: MemoryRole, count: Int) -> FloatBuffer {
        backend.memory(role, count: count)
    }
    func workspace(_ needs: WorkspaceNeeds) -> ProcessorWorkspace { backend.workspace(needs) }
    func weight(_ part: FrozenPart, _ files: BaseModel) throws(ModelFileError) -> FrozenWeight {
        try backend.weight(part, files)
    }
    func bias(of part: FrozenPart, _ files: BaseModel) throws(ModelFileError) -> FloatBuffer? {
        try backend.bias(of: part, files)
    }
    func norm(_ place: NormPlace, _ files: BaseModel) throws(ModelFileError) -> Norm? {
        try backend.norm(place, files)
    }
    func rotation(inverseWavelengths: [Float], positions: Int, neighbours: Bool) -> RotaryTable {
        backend.rotation(
            inverseWavelengths: inverseWavelengths, positions: positions, neighbours: neighbours)
    }
    func rows(of slice: PackedSlice) -> PackedSlice { backend.rows(of: slice) }
    func trained(_ parameters: LowRankParameters) -> FloatBuffer { backend.trained(parameters) }
    func embed(_ rows: PackedSlice, _ weight: FrozenWeight, into y: HostMatrix) {
        backend.embed(rows, weight, into: y)
    }
    func embedPositions(_ rows: PackedSlice, _ weight: FrozenWeight, into y: HostMatrix) {
        backend.embedPositions(rows, weight, into: y)
    }
    func gatherTargets(_ x: HostMatrix, _ rows: PackedSlice, into y: HostMatrix) {
        backend.gatherTargets(x, rows, into: y)
    }
    func scatterAddTargets(_ x: HostMatrix, _ rows: PackedSlice, to y: HostMatrix) {
        backend.scatterAddTargets(x, rows, to: y)
    }
    func rotate(
        _ x: HostMatrix, heads: Int, _ rows: PackedSlice, _ set: RowSet, _ rotation: RotaryTable,
        inverse: Bool
    ) {
        backend.rotate(x, heads: heads, rows, set, rotation, inverse: inverse)
    }
    func normalize(_ x: HostMatrix, _ norm: Norm, into y: HostMatrix, statistics: FloatBuffer) {
        backend.normalize(x, norm, into: y, statistics: statistics)
    }
    func normalizeAgain(
        _ x: HostMatrix, _ norm: Norm, statistics: FloatBuffer, into y: HostMatrix
    ) {
        backend.normalizeAgain(x, norm, statistics: statistics, into: y)
    }
    func normalizeBack(
        _ dy: HostMatrix, x: HostMatrix, _ norm: Norm, statistics: FloatBuffer,
        into dx: HostMatrix
    ) {
        backend.normalizeBack(dy, x: x, norm, statistics: statistics, into: dx)
    }
    func activate(
        _ activation: Kernels.Activation, _ x: HostMatrix, factor: HostMatrix?, into y: HostMatrix
    ) {
        backend.activate(activation, x, factor: factor, into: y)
    }
    func activateBack(
        _ activation: Kernels.Activation, _ dy: HostMatrix, x: HostMatrix, factor: HostMatrix?
    ) {
        backend.activateBack(activation, dy, x: x, factor: factor)
    }
    func add(_ x: HostMatrix, to y: HostMatrix) { backend.add(x, to: y) }
    func add(bias: FloatBuffer, to y: HostMatrix) { backend.add(bias: bias, to: y) }
    func scale(_ y: HostMatrix, by factor: Float) { backend.scale(y, by: factor) }
    func cap(_ y: HostMatrix, at cap: Float) { backend.cap(y, at: cap) }
    func clear(_ y: HostMatrix) { backend.clear(y) }
    func copy(_ x: HostMatrix, into y: HostMatrix) { backend.copy(x, into: y) }
    func split(_ x: HostMatrix, _ blocks: ColumnBlocks, into y: HostMatrix) {
        backend.split(x, blocks, into: y)
    }
    func join(_ y: HostMatrix, _ blocks: ColumnBlocks, into x: HostMatrix) {
        backend.join(y, blocks, into: x)
    }
    func losses(_ workspace: ProcessorWorkspace, count: Int) -> ArraySlice<Double> {
        backend.losses(workspace, count: count)
    }
    func numbers(of x: HostMatrix) -> [Float] { backend.numbers(of: x) }
    func add(_ gradient: FloatBuffer, to sum: ExactSum, slicesInStep: Int) {
        backend.add(gradient, to: sum, slicesInStep: slicesInStep)
    }
    func withHostCopy(of memory: FloatBuffer, _ body: (FloatBuffer) -> Void) {
        backend.withHostCopy(of: memory, body)
    }
}
