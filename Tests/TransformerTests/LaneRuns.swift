import Kernels
import Slices
import Tensors
import Testing
import Transformer

/// What a lane computes for samples that are cut into slices.
struct LaneRuns {
    let model: LanguageModel<Backend>
    let samples: Samples
    let rule: SliceRule
    var recomputes = false

    private func lane(_ layout: LowRankLayout?, training: Bool) -> Lane<Backend> {
        var bounds = SliceBounds()
        bounds.include(samples, sliceSize: rule.sliceSize)
        return Lane(
            model: model, layout: layout, bounds: bounds, training: training,
            recomputes: recomputes)
    }

    /// Summed loss of each sample.
    func losses(_ parameters: LowRankParameters?) -> [Double] {
        let lane = lane(parameters?.layout, training: false)
        var found = [Double](repeating: .nan, count: samples.count)
        for part in rule.cut(Array(0..<samples.count)[...], of: samples) {
            lane.slice.pack(samples, part, rule)
            let losses = lane.losses(parameters)
            for sample in lane.slice.samples {
                found[sample.sample] = losses[sample.targets].reduce(0, +)
            }
        }
        return found
    }

    struct Sums {
        var losses: [Double]
        var targets = 0
        var computedTokens = 0
        var gradient: [Double]
    }

    /// Summed loss of each sample of `indices`, and the gradient of all together.
    func lossesAndGradient(_ indices: Range<Int>, _ parameters: LowRankParameters) -> Sums {
        let lane = lane(parameters.layout, training: true)
        var sums = Sums(
            losses: [Double](repeating: 0, count: samples.count),
            gradient: [Double](repeating: 0, count: parameters.layout.parameterCount))
        for part in rule.cut(Array(indices)[...], of: samples) {
            lane.slice.pack(samples, part, rule)
            let losses = lane.lossesAndGradient(parameters)
            for sample in lane.slice.samples {
                sums.losses[sample.sample] = losses[sample.targets].reduce(0, +)
            }
            sums.targets += losses.count
            sums.computedTokens += lane.slice.tokens.count
            lane.withGradient { gradient in
                for index in sums.gradient.indices {
                    sums.gradient[index] += Double(gradient.pointer[index])
                }
            }
        }
        return sums
    }
}

/// `‖a − b‖ / ‖b‖`.
func relativeDistance(
    _ a: some Sequence<some BinaryFloatingPoint>, _ b: some Sequence<some BinaryFloatingPoint>
) -> Double {
    var (difference, norm) = (0.0, 0.0)
    for (x, y) in zip(a, b) {
        difference += (Double(x) - Double(y)) * (Double(x) - Double(y))
        norm += Double(y) * Double(y)
    }
    return norm == 0 ? difference.squareRoot() : (difference / norm).squareRoot()
}
