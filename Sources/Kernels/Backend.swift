import CKernels
import COpenBLAS
import Faults
import Tensors

/// The operations of a language model on the processor: what a GPU backend will implement too.
///
/// All methods work on buffers that the caller owns, allocate nothing and may run on several
/// threads at once (each with its own ``Scratch``). Every result is the same bits on every host of
/// one ``identity``, whatever runs beside it.
public struct Backend: Sendable {
    let blas: OpenBLAS
    /// The type in which frozen weights are multiplied.
    public let compute: ComputeType
    /// The kernels of ``compute``, unless that is float32.
    let half: ck_half_kernels?
    public let identity: KernelIdentity

    /// Opens the kernels of `level` for the whole process.
    ///
    /// - Parameters:
    ///   - level: The width of vectors.
    ///   - compute: The type in which frozen weights are multiplied.
    ///   - emulated: Half precision step by step, where the processor lacks it: for tests.
    /// - Throws: ``KernelError`` if this machine lacks the level or the type, or OpenBLAS cannot be
    ///   opened.
    public init(
        level: KernelLevel, compute: ComputeType = .float32, emulated: Bool = false
    ) throws(KernelError) {
        guard level <= .best else {
            throw KernelError(
                problem: "this processor does not run \(level.name); its best is "
                    + KernelLevel.best.name,
                location: "--kernels", hint: "Use --kernels \(KernelLevel.best.name)",
                exitCode: .badInput)
        }
        half = try compute.kernels(level: level, emulated: emulated)
        self.compute = compute
        level.selectVectors()
        blas = try OpenBLAS(level: level)
        var identity = blas.identity
        identity.compute = compute
        self.identity = identity
    }
}

/// The working memory of one lane.
///
/// `@unchecked Sendable`: a lane is the only user of its scratch.
public final class Scratch: @unchecked Sendable {
    /// The part of a weight that is multiplied at a time, `[panelDepth, panelColumns]`.
    let panel: FloatBuffer
    /// Where rows of a weight are widened before they become columns of the panel.
    let square: FloatBuffer
    /// What the panel is multiplied by and the panel itself, rounded; only in half precision.
    private let halfOperandMemory: FloatBuffer
    private let halfPanelMemory: FloatBuffer
    let operandScales: FloatBuffer
    let panelScales: FloatBuffer
    let scores: FloatBuffer
    let scoreGradients: FloatBuffer
    /// Rows of logits that exist at a time.
    let logits: FloatBuffer
    let delta: FloatBuffer
    /// Derivatives of capped scores, or of one row of capped logits.
    let slopes: FloatBuffer

    /// - Parameters:
    ///   - halfRows: Most rows of a product in half precision; 0 where all are in float32.
    ///   - longestSegment: Tokens of the longest sequence that attends to itself.
    ///   - logitRows: Rows of the logits block, at most ``Backend/logitRows``.
    ///   - vocabularySize: Width of the logits block.
    ///   - capsScores: Whether gradients of capped scores will be asked for.
    ///   - capsLogits: The same for logits.
    public init(
        halfRows: Int = 0, longestSegment: Int, logitRows: Int, vocabularySize: Int,
        capsScores: Bool = false, capsLogits: Bool = false
    ) {
        panel = FloatBuffer(count: Backend.panelDepth * Backend.panelColumns)
        square = FloatBuffer(count: Backend.panelColumns * Backend.panelColumns)
        halfOperandMemory = FloatBuffer(count: halfRows * Backend.panelDepth / 2)
        halfPanelMemory = FloatBuffer(
            count: halfRows > 0 ? Backend.panelDepth * Backend.panelColumns / 2 : 0)
        operandScales = FloatBuffer(count: halfRows)
        panelScales = FloatBuffer(count: Backend.panelColumns)
        let rows = min(AttentionShape.queryRows, longestSegment)
        scores = FloatBuffer(count: rows * longestSegment)
        scoreGradients = FloatBuffer(count: rows * longestSegment)
        logits = FloatBuffer(count: logitRows * vocabularySize)
        delta = FloatBuffer(count: rows)
        slopes = FloatBuffer(
            count: max(capsScores ? rows * longestSegment : 0, capsLogits ? vocabularySize : 0))
    }

    /// Memory for `a`, rounded; in pairs, so a row takes an even number of elements.
    func halfOperand(_ a: HostMatrix) -> UnsafeMutablePointer<UInt16> {
        precondition(
            a.rows * ((a.columns + 1) / 2) <= halfOperandMemory.count,
            "\(a.rows) rows of half precision")
        return halves(halfOperandMemory)
    }

    var halfPanel: UnsafeMutablePointer<UInt16> { halves(halfPanelMemory) }

    private func halves(_ memory: FloatBuffer) -> UnsafeMutablePointer<UInt16> {
        UnsafeMutableRawPointer(memory.pointer).assumingMemoryBound(to: UInt16.self)
    }
}
