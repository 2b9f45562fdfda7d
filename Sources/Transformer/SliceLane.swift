public import Kernels
public import Slices
public import Tensors

/// What training sees of a lane: slices go in; losses, and a gradient for an exact sum, come out.
///
/// Where the numbers lie stays behind it.
public protocol SliceLane: AnyObject, Sendable {
    /// Room to pack the slices that this lane computes, one after the other in the same memory.
    var slice: PackedSlice { get }

    /// Packs one part of a batch into ``slice``.
    func pack(_ samples: Samples, _ part: SliceRule.Part, _ rule: SliceRule)

    /// Negative log-likelihood of each target of ``slice``, nats.
    ///
    /// - Parameter parameters: The adapter, or `nil` for the base model alone.
    func losses(_ parameters: LowRankParameters?) -> ArraySlice<Double>

    /// The same, and the gradient of their *sum* with respect to the adapter, which the lane keeps.
    func lossesAndGradient(_ parameters: LowRankParameters) -> ArraySlice<Double>

    /// Adds the gradient of the last slice to a step's sum.
    func addGradient(to sum: ExactSum, slicesInStep: Int)

    /// Lets the host read and change the gradient of the last slice, in the adapter's layout.
    func withGradient(_ body: (FloatBuffer) -> Void)
}
