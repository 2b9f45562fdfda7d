import Tensors
public import Transformer

extension LowRankParameters {
    /// PEFT's default start: `A` uniform in (−1/√inputs, 1/√inputs), `B` zero.
    ///
    /// That is Kaiming's uniform distribution with a = √5. Each element is a pure function of the
    /// seed, its pair and its place.
    /// Source: He et al. 2015, arXiv:1502.01852; PEFT `tuners/lora/layer.py`.
    public static func initial(layout: LowRankLayout, seed: UInt64) -> LowRankParameters {
        let random = CounterRandom(seed: seed, purpose: .adapterInitialisation)
        let parameters = LowRankParameters(layout: layout)
        for (index, pair) in layout.pairs.enumerated() {
            let bound = 1 / Double(pair.inputs).squareRoot()
            for (element, offset) in pair.a.enumerated() {
                let uniform = random.uniform(stream: UInt32(index), index: UInt64(element))
                parameters.buffer.pointer[offset] = Float((2 * uniform - 1) * bound)
            }
        }
        return parameters
    }
}
