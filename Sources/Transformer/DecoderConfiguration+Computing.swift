public import Kernels
public import ModelFiles

extension DecoderConfiguration {
    /// The heads of `layer` and whom its queries see.
    public func attentionShape(layer: Int) -> AttentionShape {
        AttentionShape(
            heads: headCount, keyValueHeads: keyValueHeadCount, dimension: headDimension,
            scale: attentionScale.map { Float($0) }, scoreCap: scoreCap.map { Float($0) },
            window: window(layer: layer))
    }

    /// How the kernels name the activation.
    var kernelActivation: Kernels.Activation {
        switch activation {
        case .silu: .silu
        case .geluExact: .geluExact
        case .geluTanh: .geluTanh
        case .relu: .relu
        }
    }

    /// How the kernels name the norms; a 1 to be added is in the weights already.
    var kernelNorm: Norm.Kind {
        switch norm {
        case .rootMeanSquare, .rootMeanSquarePlusOne: .rootMeanSquare
        case .layer: .layer
        }
    }

    /// Numbers that a norm leaves of every row for the backward pass.
    var statisticsPerRow: Int { Norm.statisticsPerRow(kernelNorm) }

    /// Where queries, keys and values lie in a fused projection's columns.
    func fusedColumns(of kind: ProjectionKind) -> ColumnBlocks {
        let (d, queries) = (headDimension, headCount * headDimension)
        let keys = keyValueHeadCount * headDimension
        switch (kind, family.fusedLayout) {
        case (.query, .concatenated): return ColumnBlocks(start: 0, width: queries)
        case (.key, .concatenated): return ColumnBlocks(start: queries, width: keys)
        case (.value, .concatenated): return ColumnBlocks(start: queries + keys, width: keys)
        case (.query, .perHead):
            return ColumnBlocks(start: 0, count: headCount, width: d, distance: 3 * d)
        case (.key, .perHead):
            return ColumnBlocks(start: d, count: headCount, width: d, distance: 3 * d)
        case (.value, .perHead):
            return ColumnBlocks(start: 2 * d, count: headCount, width: d, distance: 3 * d)
        case (.gate, _): return ColumnBlocks(start: 0, width: feedForwardWidth)
        case (.up, _): return ColumnBlocks(start: feedForwardWidth, width: feedForwardWidth)
        default: preconditionFailure("\(kind) is never fused")
        }
    }
}

extension RotaryConfiguration {
    /// Radians a position of each rotated pair: `θ^(−2i/d)`, stretched as `scaling` says.
    ///
    /// - Source: Su et al. 2021, arXiv:2104.09864; the `llama3` stretch as in transformers'
    ///   `modeling_rope_utils`: long wavelengths divided by the factor, short ones kept, those
    ///   between interpolated.
    public func inverseWavelengths(dimension: Int) -> [Float] {
        let logarithm = Elementary.log(theta)
        return (0..<dimension / 2).map { pair in
            let plain = Elementary.exp(-Double(2 * pair) / Double(dimension) * logarithm)
            switch scaling {
            case .none: return Float(plain)
            case .linear(let factor): return Float(plain / factor)
            case .divisors(let divisors): return Float(plain / divisors[pair])
            case .llama3(let factor, let low, let high, let original):
                let wavelength = 2 * Double.pi / plain
                let positions = Double(original)
                if wavelength < positions / high { return Float(plain) }
                if wavelength > positions / low { return Float(plain / factor) }
                let smooth = (positions / wavelength - low) / (high - low)
                return Float((1 - smooth) * plain / factor + smooth * plain)
            }
        }
    }
}
