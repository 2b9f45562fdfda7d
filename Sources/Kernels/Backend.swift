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
    public var identity: KernelIdentity { blas.identity }

    /// Opens the kernels of `level` for the whole process.
    ///
    /// - Throws: ``KernelError`` if this machine lacks the level or OpenBLAS cannot be opened.
    public init(level: KernelLevel) throws(KernelError) {
        guard level <= .best else {
            throw KernelError(
                problem: "this processor does not run \(level.name); its best is "
                    + KernelLevel.best.name,
                location: "--kernels", hint: "Use --kernels \(KernelLevel.best.name)",
                exitCode: .badInput)
        }
        level.selectVectors()
        blas = try OpenBLAS(level: level)
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
    let scores: FloatBuffer
    let scoreGradients: FloatBuffer
    /// Rows of logits that exist at a time.
    let logits: FloatBuffer
    let delta: FloatBuffer

    /// - Parameters:
    ///   - longestSegment: Tokens of the longest sequence that attends to itself.
    ///   - logitRows: Rows of the logits block, at most ``Backend/logitRows``.
    ///   - vocabularySize: Width of the logits block.
    public init(longestSegment: Int, logitRows: Int, vocabularySize: Int) {
        panel = FloatBuffer(count: Backend.panelDepth * Backend.panelColumns)
        square = FloatBuffer(count: Backend.panelColumns * Backend.panelColumns)
        let rows = min(Backend.queryRows, longestSegment)
        scores = FloatBuffer(count: rows * longestSegment)
        scoreGradients = FloatBuffer(count: rows * longestSegment)
        logits = FloatBuffer(count: logitRows * vocabularySize)
        delta = FloatBuffer(count: rows)
    }
}
