import Kernels

/// The learning rate of every step, as transformers' schedulers of the same names have it.
///
/// With `t = step − 1`, warm-up multiplies the peak by `t / warmupSteps` while `t < warmupSteps`
/// (so the first step of a warm-up has rate 0); afterwards, with
/// `p = (t − warmup) / max(1, total − warmup)`:
///
///     constant: 1      linear: max(0, 1 − p)      cosine: max(0, (1 + cos πp) / 2)
///
/// Source: transformers `optimization.py`.
public struct LearningRateSchedule: Sendable, Equatable {
    public enum Shape: String, Sendable, CaseIterable, Codable {
        case constant
        case linear
        case cosine
    }

    public let shape: Shape
    public let peak: Double
    public let warmupSteps: Int
    public let totalSteps: Int

    public init(shape: Shape, peak: Double, warmupSteps: Int, totalSteps: Int) {
        self.shape = shape
        self.peak = peak
        self.warmupSteps = warmupSteps
        self.totalSteps = totalSteps
    }

    /// The rate of `step`, counted from 1.
    public func rate(step: Int) -> Double {
        let done = Double(step - 1)
        if step - 1 < warmupSteps { return peak * done / Double(warmupSteps) }
        let progress =
            (done - Double(warmupSteps)) / Double(max(1, totalSteps - warmupSteps))
        switch shape {
        case .constant: return peak
        case .linear: return peak * max(0, 1 - progress)
        case .cosine: return peak * max(0, 0.5 * (1 + Elementary.cos(.pi * progress)))
        }
    }
}
