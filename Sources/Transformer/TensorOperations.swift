public import Kernels
public import ModelFiles
public import Slices
public import Tensors

/// The operations of a decoder on some machine: the seam between what is computed and who computes it.
///
/// A ``Lane`` is written once over this protocol. `Memory` is a type parameter, so that no code above
/// the seam can take a host pointer of it. Operations are whole matrices, of all rows of a slice, so a
/// call costs nothing beside its work. What reads one input is one call (``ProjectionGroup``), as is
/// attention of all runs of a slice, so that an implementation may fuse them.
///
/// Implementations are `Backend`, the processor, and one that only counts (`CountingOperations`).
/// Every operation must give the same bits whenever it is given the same numbers, and allocate nothing
/// after the first slice.
public protocol TensorOperations: Sendable {
    /// Where matrices lie.
    associatedtype Memory: TensorMemory
    /// What frozen numbers are taken from.
    associatedtype Files
    /// A frozen matrix, `[outputs, inputs]`.
    associatedtype Weight: Sendable
    /// A frozen vector that is added to rows.
    associatedtype Bias: Sendable
    /// The frozen numbers of a norm.
    associatedtype NormWeights: Sendable
    /// The angles of all positions.
    associatedtype Rotation: Sendable
    /// What operations need to know of a slice's rows: tokens, positions, targets, runs of queries.
    associatedtype Rows
    /// Working memory of one lane.
    associatedtype Workspace: AnyObject, Sendable

    // MARK: Made once

    /// Memory of `count` numbers, zero at birth.
    func memory(_ role: MemoryRole, count: Int) -> Memory
    func workspace(_ needs: WorkspaceNeeds) -> Workspace
    func weight(_ part: FrozenPart, _ files: Files) throws(ModelFileError) -> Weight
    /// - Returns: `nil` if the part has no bias.
    func bias(of part: FrozenPart, _ files: Files) throws(ModelFileError) -> Bias?
    /// - Returns: `nil` if the family has no norm there.
    func norm(_ place: NormPlace, _ files: Files) throws(ModelFileError) -> NormWeights?
    /// - Parameter inverseWavelengths: Radians a position, one for each rotated pair.
    func rotation(inverseWavelengths: [Float], positions: Int, neighbours: Bool) -> Rotation

    // MARK: Once a slice

    func rows(of slice: PackedSlice) -> Rows
    /// The adapter's numbers as operations read them: brought here if they have changed.
    func trained(_ parameters: LowRankParameters) -> Memory

    // MARK: Rows

    /// `y[i] = W[tokens[i]]`.
    func embed(_ rows: Rows, _ weight: Weight, into y: Matrix<Memory>)
    /// `y[i] = W[positions[i]]`.
    func embedPositions(_ rows: Rows, _ weight: Weight, into y: Matrix<Memory>)
    /// `y[i] = x[target row i]`.
    func gatherTargets(_ x: Matrix<Memory>, _ rows: Rows, into y: Matrix<Memory>)
    /// `y[target row i] += x[i]`, in the order of `i`; a row may come several times.
    func scatterAddTargets(_ x: Matrix<Memory>, _ rows: Rows, to y: Matrix<Memory>)
    /// Rotates the first numbers of every head by its row's position; backwards with `inverse`.
    func rotate(
        _ x: Matrix<Memory>, heads: Int, _ rows: Rows, _ set: RowSet, _ rotation: Rotation,
        inverse: Bool)

    // MARK: Products

    /// `y = x·Wᵀ`.
    func project(
        _ x: Matrix<Memory>, _ weight: Weight, into y: Matrix<Memory>, _ workspace: Workspace)
    /// `dx = dy·W`, or `dx += dy·W`.
    func projectBack(
        _ dy: Matrix<Memory>, _ weight: Weight, into dx: Matrix<Memory>, adding: Bool,
        _ workspace: Workspace)
    /// `c = alpha · op(a) · op(b) + beta · c`.
    func multiply(
        _ a: Matrix<Memory>, transposeA: Bool, _ b: Matrix<Memory>, transposeB: Bool,
        into c: Matrix<Memory>, alpha: Float, beta: Float)
    /// All projections of a group with their biases and low-rank pairs; the default is the operations
    /// above, one after the other.
    ///
    /// - Parameter y: One a projection.
    func project(
        _ x: Matrix<Memory>, _ group: ProjectionGroup<Self>, _ adapter: AdapterOperands<Memory>?,
        into y: GroupOperands<Memory>, _ workspace: Workspace)
    /// The gradients of a group's low-rank pairs, and that of its input.
    ///
    /// - Parameters:
    ///   - dy: Gradients of what the projections yielded; `nil` for those that nobody asks for.
    ///   - dx: Overwritten; `nil` if nobody asks for it. It may be `x` if the group is of one.
    func projectBack(
        _ dy: GroupOperands<Memory>, x: Matrix<Memory>, _ group: ProjectionGroup<Self>,
        _ adapter: AdapterOperands<Memory>, into dx: Matrix<Memory>?, _ workspace: Workspace)

    // MARK: Attention

    /// Fills `attended` and `logSums`: each run of queries sees the keys of its own segment and of the
    /// segments that its samples go through before.
    func attend(
        _ operands: AttentionOperands<Memory>, _ rows: Rows, _ set: RowSet, _ shape: AttentionShape,
        _ workspace: Workspace)
    /// The gradients of queries, keys and values; those into rows that several samples share are
    /// summed in the order of the runs.
    func attendBack(
        _ dAttended: Matrix<Memory>, _ operands: AttentionOperands<Memory>, _ rows: Rows,
        _ set: RowSet, _ shape: AttentionShape, into gradients: AttentionGradients<Memory>,
        _ workspace: Workspace)

    // MARK: Pointwise

    /// Normalises every row; `statistics` takes what the backward pass needs.
    func normalize(
        _ x: Matrix<Memory>, _ norm: NormWeights, into y: Matrix<Memory>, statistics: Memory)
    /// The same from kept statistics.
    func normalizeAgain(
        _ x: Matrix<Memory>, _ norm: NormWeights, statistics: Memory, into y: Matrix<Memory>)
    /// Adds the gradient with respect to `x` to `dx`.
    func normalizeBack(
        _ dy: Matrix<Memory>, x: Matrix<Memory>, _ norm: NormWeights, statistics: Memory,
        into dx: Matrix<Memory>)
    /// `y = f(x)`, or `y = f(x) ⊙ factor`.
    func activate(
        _ activation: Kernels.Activation, _ x: Matrix<Memory>, factor: Matrix<Memory>?,
        into y: Matrix<Memory>)
    /// Overwrites `x` and `factor` by the gradients with respect to them.
    func activateBack(
        _ activation: Kernels.Activation, _ dy: Matrix<Memory>, x: Matrix<Memory>,
        factor: Matrix<Memory>?)
    /// `y += x`.
    func add(_ x: Matrix<Memory>, to y: Matrix<Memory>)
    /// Adds `bias` to every row.
    func add(bias: Bias, to y: Matrix<Memory>)
    /// `y = factor · y`.
    func scale(_ y: Matrix<Memory>, by factor: Float)
    /// `y = c·tanh(y / c)`.
    func cap(_ y: Matrix<Memory>, at cap: Float)
    /// `y = 0`.
    func clear(_ y: Matrix<Memory>)
    /// `y = x`.
    func copy(_ x: Matrix<Memory>, into y: Matrix<Memory>)
    /// Copies `blocks` of the columns of `x` into `y`, where they lie side by side.
    func split(_ x: Matrix<Memory>, _ blocks: ColumnBlocks, into y: Matrix<Memory>)
    /// Copies the columns of `y` to where they lie in `x`.
    func join(_ y: Matrix<Memory>, _ blocks: ColumnBlocks, into x: Matrix<Memory>)

    // MARK: Loss

    /// The loss of each target, left in the workspace, and the gradient of their sum.
    ///
    /// - Parameters:
    ///   - x: The normalised hidden rows, one a target.
    ///   - dx: Overwritten; `nil` if no gradient is wanted.
    func crossEntropy(
        _ x: Matrix<Memory>, head: Weight, bias: Bias?, cap: Float?, _ rows: Rows,
        dx: Matrix<Memory>?, _ workspace: Workspace)

    // MARK: What the host gets

    /// The losses of the last ``crossEntropy(_:head:bias:cap:_:dx:_:)``, nats.
    func losses(_ workspace: Workspace, count: Int) -> ArraySlice<Double>
    /// The numbers of a contiguous matrix.
    func numbers(of x: Matrix<Memory>) -> [Float]
    /// Adds the gradient of a slice to the exact sum of a step.
    func add(_ gradient: Memory, to sum: ExactSum, slicesInStep: Int)
    /// Lets the host read and change numbers.
    func withHostCopy(of memory: Memory, _ body: (FloatBuffer) -> Void)
}

/// What memory is for: an implementation may hold each role in a type of its own.
public enum MemoryRole: Int, Sendable, CaseIterable {
    /// The stream between layers and its gradient.
    case residual
    /// What enters products and attention, and its gradient.
    case operand
    /// Numbers a row that norms and softmax leave for the backward pass.
    case statistics
    /// In the adapter's layout.
    case adapter
}

/// The rows of a slice that an operation is about.
public enum RowSet: Sendable {
    case all
    /// Those that predict a target, in the order of the targets; a row may come several times.
    case targets
}

/// A frozen matrix of a model by what it is for.
public enum FrozenPart: Sendable, Hashable {
    case embedding
    case positionEmbedding
    case projection(ProjectionKind, layer: Int)
    /// The output projection.
    case head
}

/// Where a norm stands.
public enum NormPlace: Sendable, Hashable {
    case layer(NormRole, Int)
    /// Before the output projection.
    case final
}

/// What a lane's working memory must hold.
public struct WorkspaceNeeds: Sendable {
    /// Most rows of a product.
    public let rows: Int
    /// Most targets of a slice.
    public let targets: Int
    /// Positions of the longest sequence that attends to itself.
    public let longestSegment: Int
    /// Whether paths of shared prefixes are to be collected.
    public let sharesRows: Bool
    public let training: Bool
    public let model: DecoderConfiguration
}

/// The operands of a layer's attention: keys and values of all rows that are seen, the rest of the rows
/// with a query.
public struct AttentionOperands<Memory: TensorMemory> {
    /// After rotation, `[queries, heads · d]` and `[keys, keyValueHeads · d]`.
    public let query: Matrix<Memory>
    public let key: Matrix<Memory>
    public let value: Matrix<Memory>
    /// `[queries, heads · d]`.
    public let attended: Matrix<Memory>
    /// `[queries, heads]`.
    public let logSums: Matrix<Memory>
}

/// Gradients of attention's operands, of the same shapes; `nil` where nobody asks.
public struct AttentionGradients<Memory: TensorMemory> {
    public let query: Matrix<Memory>?
    public let key: Matrix<Memory>?
    public let value: Matrix<Memory>?
}
