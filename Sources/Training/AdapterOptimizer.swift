import Kernels
import Optimization
import Tensors
import Transformer

/// Rank 0's update: clips the mean gradient and applies AdamW.
///
/// The order of its float32 operations is part of what decides the adapter's bits.
public final class AdapterOptimizer {
    /// The moments: part of the run's state.
    let adam: AdamW
    let learningRate: LearningRateSchedule
    /// Takes the mean gradient of a step.
    let gradient: FloatBuffer
    private let parameters: LowRankParameters
    /// Largest norm of the gradient; 0: any.
    private let clipNorm: Double

    init(
        _ parameters: LowRankParameters, settings: AdamW.Settings,
        learningRate: LearningRateSchedule, clipNorm: Double
    ) {
        self.parameters = parameters
        self.learningRate = learningRate
        self.clipNorm = clipNorm
        adam = AdamW(settings: settings, parameterCount: parameters.layout.parameterCount)
        gradient = FloatBuffer(count: parameters.layout.parameterCount)
    }

    /// What an update was made of.
    public struct Update: Sendable {
        public let learningRate: Double
        /// Norm of the gradient before clipping.
        public let norm: Double
        /// What the gradient was multiplied by.
        public let clipFactor: Double
        /// Whether every parameter and moment is finite afterwards.
        public let isFinite: Bool
    }

    /// Clips ``gradient`` and updates the adapter by it.
    func update(step: Int) -> Update {
        let norm = GradientClipping.globalNorm(gradient)
        let factor = GradientClipping.clip(gradient, norm: norm, limit: clipNorm)
        let rate = learningRate.rate(step: step)
        adam.update(parameters.buffer, gradient: gradient, step: step, learningRate: rate)
        return Update(learningRate: rate, norm: norm, clipFactor: factor, isFinite: isFinite)
    }

    /// The state after an update: parameters, first and second moments.
    var state: [FloatBuffer] { [parameters.buffer, adam.firstMoment, adam.secondMoment] }

    private var isFinite: Bool {
        state.allSatisfy { buffer in
            // NaN and infinity survive a subtraction from themselves as NaN, so one sum finds all.
            var flaw: Float = 0
            for value in buffer.elements { flaw += value - value }
            return flaw == 0
        }
    }
}
