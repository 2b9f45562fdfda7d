public import Tensors

/// Adam with decoupled weight decay, one float32 operation after the other as PyTorch has it.
///
///     θ ← θ·(1 − lr·wd)
///     m ← m + (g − m)·(1 − β₁)        v ← v·β₂ + g·g·(1 − β₂)
///     θ ← θ − (lr / (1 − β₁ᵗ)) · m / (√v / √(1 − β₂ᵗ) + ε)
///
/// Source: Kingma & Ba 2014, arXiv:1412.6980; Loshchilov & Hutter 2017, arXiv:1711.05101.
public struct AdamW: Sendable {
    public struct Settings: Sendable, Equatable {
        public var beta1: Double
        public var beta2: Double
        public var epsilon: Double
        public var weightDecay: Double

        public init(
            beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8,
            weightDecay: Double = 0
        ) {
            self.beta1 = beta1
            self.beta2 = beta2
            self.epsilon = epsilon
            self.weightDecay = weightDecay
        }
    }

    public let settings: Settings
    /// `m`, the decayed mean of gradients; part of the run's state.
    public let firstMoment: FloatBuffer
    /// `v`, the decayed mean of squared gradients; part of the run's state.
    public let secondMoment: FloatBuffer

    public init(settings: Settings, parameterCount: Int) {
        self.settings = settings
        firstMoment = FloatBuffer(count: parameterCount)
        secondMoment = FloatBuffer(count: parameterCount)
    }

    /// One update of `parameters` in place.
    ///
    /// - Parameters:
    ///   - gradient: As long as `parameters`; already averaged and clipped.
    ///   - step: `t`, from 1.
    public func update(
        _ parameters: FloatBuffer, gradient: FloatBuffer, step: Int, learningRate: Double
    ) {
        precondition(
            parameters.count == firstMoment.count && gradient.count == parameters.count,
            "\(gradient.count) gradients for \(parameters.count) parameters")
        let decay = Float(1 - learningRate * settings.weightDecay)
        let keep = Float(settings.beta2)
        let (fresh1, fresh2) = (Float(1 - settings.beta1), Float(1 - settings.beta2))
        let stepSize = Float(learningRate / (1 - Self.power(settings.beta1, step)))
        let correction = Float((1 - Self.power(settings.beta2, step)).squareRoot())
        let epsilon = Float(settings.epsilon)
        let (m, v) = (firstMoment.pointer, secondMoment.pointer)
        for index in 0..<parameters.count {
            let g = gradient.pointer[index]
            m[index] += (g - m[index]) * fresh1
            v[index] = v[index] * keep + g * g * fresh2
            let denominator = v[index].squareRoot() / correction + epsilon
            let decayed = parameters.pointer[index] * decay
            parameters.pointer[index] = decayed - stepSize * (m[index] / denominator)
        }
    }

    /// `baseⁿ` by squaring: the C library's `pow` differs between processors.
    static func power(_ base: Double, _ exponent: Int) -> Double {
        var (result, square, rest) = (1.0, base, exponent)
        while rest > 0 {
            if rest & 1 == 1 { result *= square }
            square *= square
            rest >>= 1
        }
        return result
    }
}

/// Clipping by the norm over all parameters.
public enum GradientClipping {
    /// `√Σg²` in float64, summed in blocks of a fixed size.
    public static func globalNorm(_ gradient: FloatBuffer) -> Double {
        let block = 4096
        var total = 0.0
        for start in stride(from: 0, to: gradient.count, by: block) {
            var sum = 0.0
            for index in start..<min(start + block, gradient.count) {
                let g = Double(gradient.pointer[index])
                sum += g * g
            }
            total += sum
        }
        return total.squareRoot()
    }

    /// Scales `gradient` so that its norm is at most `limit`; 0 turns clipping off.
    ///
    /// The factor is `limit / (norm + 10⁻⁶)`, as in PyTorch's `clip_grad_norm_`.
    ///
    /// - Returns: What the gradient was multiplied by, at most 1.
    @discardableResult
    public static func clip(_ gradient: FloatBuffer, norm: Double, limit: Double) -> Double {
        guard limit > 0 else { return 1 }
        let factor = limit / (norm + 1e-6)
        guard factor < 1 else { return 1 }
        for index in 0..<gradient.count { gradient.pointer[index] *= Float(factor) }
        return factor
    }
}
