import Foundation
import Optimization
import Tensors
import Testing

@Suite struct LearningRateScheduleTests {
    private func rates(_ shape: LearningRateSchedule.Shape, warmup: Int) -> [Double] {
        let schedule = LearningRateSchedule(
            shape: shape, peak: 8, warmupSteps: warmup, totalSteps: 6)
        return (1...6).map(schedule.rate(step:))
    }

    /// By hand: two steps of warm-up at 0 and 1/2, then 4/4, 3/4, 2/4, 1/4 of the peak.
    @Test func linear() {
        #expect(rates(.linear, warmup: 2) == [0, 4, 8, 6, 4, 2])
        #expect(rates(.constant, warmup: 2) == [0, 4, 8, 8, 8, 8])
    }

    /// cos(0), cos(π/4), cos(π/2), cos(3π/4).
    @Test func cosine() {
        let expected = [0, 4, 8, 4 + 8.0.squareRoot(), 4, 4 - 8.0.squareRoot()]
        for (found, wanted) in zip(rates(.cosine, warmup: 2), expected) {
            #expect(abs(found - wanted) < 1e-14)
        }
    }
}

@Suite struct AdamWTests {
    private func buffer(_ values: [Float]) -> FloatBuffer {
        let buffer = FloatBuffer(count: values.count)
        for (index, value) in values.enumerated() { buffer.pointer[index] = value }
        return buffer
    }

    /// The first step of Adam without decay moves each parameter by lr·g/(|g| + ε): bias
    /// correction makes m̂ = g and v̂ = g².
    @Test func firstStepMovesByTheRate() {
        let parameters = buffer([1, 1, 1])
        let adam = AdamW(settings: .init(epsilon: 1e-8), parameterCount: 3)
        adam.update(parameters, gradient: buffer([0.5, -2, 0]), step: 1, learningRate: 0.25)
        for (found, wanted) in zip(parameters.elements, [0.75, 1.25, 1]) {
            #expect(abs(found - Float(wanted)) < 1e-6)
        }
    }

    /// The formula in float64, five steps with decay; float32 rounding is below 1e-6 a step.
    @Test func agreesWithTheFormula() {
        let settings = AdamW.Settings(beta1: 0.8, beta2: 0.95, epsilon: 1e-3, weightDecay: 0.1)
        let parameters = buffer([0.3, -0.7])
        let adam = AdamW(settings: settings, parameterCount: 2)
        var (theta, m, v) = ([0.3, -0.7], [0.0, 0.0], [0.0, 0.0])
        for step in 1...5 {
            let gradient: [Float] = [Float(step) * 0.1, Float(step) * -0.3]
            adam.update(parameters, gradient: buffer(gradient), step: step, learningRate: 0.01)
            for index in 0..<2 {
                let g = Double(gradient[index])
                theta[index] *= 1 - 0.01 * 0.1
                m[index] = 0.8 * m[index] + 0.2 * g
                v[index] = 0.95 * v[index] + 0.05 * g * g
                let mHat = m[index] / (1 - pow(0.8, Double(step)))
                let vHat = v[index] / (1 - pow(0.95, Double(step)))
                theta[index] -= 0.01 * mHat / (vHat.squareRoot() + 1e-3)
                #expect(abs(Double(parameters.pointer[index]) - theta[index]) < 5e-6)
            }
        }
    }

    /// (3, 4) has norm 5; clipped to 1 it becomes (0.6, 0.8).
    @Test func clipping() {
        let gradient = buffer([3, 4])
        #expect(GradientClipping.globalNorm(gradient) == 5)
        GradientClipping.clip(gradient, norm: 5, limit: 0)
        GradientClipping.clip(gradient, norm: 5, limit: 6)
        #expect(Array(gradient.elements) == [3, 4])
        GradientClipping.clip(gradient, norm: 5, limit: 1)
        #expect(abs(gradient.pointer[0] - 0.6) < 1e-6 && abs(gradient.pointer[1] - 0.8) < 1e-6)
    }
}
