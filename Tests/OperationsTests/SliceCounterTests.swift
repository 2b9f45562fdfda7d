import ModelFiles
import Operations
import Slices
import Tensors
import Testing
import Transformer

/// What a counting lane finds, against totals that were derived by hand for every family.
///
/// Width 8, 2 heads of 4, feed-forward 16, vocabulary 10. With as many key-value heads as heads, q, k,
/// v and o have 64 elements each; with one, k and v have 32. Gate, up and down have 128.
@Suite struct SliceCounterTests {
    private static func model(
        _ family: DecoderFamily, layers: Int, keyValueHeads: Int = 1,
        _ change: (inout DecoderConfiguration) -> Void = { _ in }
    ) -> DecoderConfiguration {
        var model = DecoderConfiguration(
            modelType: "test", vocabularySize: 10, width: 8, layerCount: layers, headCount: 2,
            keyValueHeadCount: keyValueHeads, headDimension: 4, feedForwardWidth: 16,
            maximumPositions: 64, normEpsilon: 1e-5, rotary: RotaryConfiguration(theta: 10_000),
            tiedEmbeddings: true, bosToken: nil, eosTokens: [0])
        model.family = family
        change(&model)
        return model
    }

    /// 8 rows: a shared start of 2 rows, then two ends of 3; 4 targets, two at the end of each.
    private static let slice: PackedSlice = {
        var samples = Samples()
        let isTarget = [false, false, false, false, true, true]
        samples.append(tokens: [1, 2, 3, 4, 5, 6], isTarget: isTarget)
        samples.append(tokens: [1, 2, 7, 8, 9, 0], isTarget: isTarget)
        return PackedSlice(samples, indices: [0, 1], sharesPrefixes: true)
    }()

    private static func account(
        _ model: DecoderConfiguration, _ projections: [(layer: Int, kind: ProjectionKind)],
        recomputes: Bool = false, weights: BlockFormat = .float32
    ) throws -> SliceAccount {
        try SliceCounter(
            model: model,
            layout: LowRankLayout(
                adapterRank: 2, alpha: 4, projections: projections, model: model),
            recomputes: recomputes, weights: weights
        ).account(of: slice)
    }

    private static func everything(
        _ model: DecoderConfiguration
    ) -> [(layer: Int, kind: ProjectionKind)] {
        (0..<model.layerCount).flatMap { layer in
            model.family.projections.map { (layer: layer, kind: $0) }
        }
    }

    private let llama = model(.llama, layers: 3)
    private let queriesAndValues = (0..<3).flatMap { [($0, ProjectionKind.query), ($0, .value)] }
        .map { (layer: $0.0, kind: $0.1) }

    @Test func theSliceIsWhatTheTotalsAreOf() {
        #expect(Self.slice.tokens.count == 8)
        #expect(Self.slice.targetRows.count == 4)
    }

    // MARK: LLaMA in parts

    @Test func frozenProductsOfQueryAndValueInAllLayers() throws {
        let found = try Self.account(llama, queriesAndValues)
        // Layers 0 and 1 compute all rows; of the last one, keys and values only.
        let forward = 2 * 8 * 576 + (8 * 64 + 4 * 512)
        // Down to layer 1 everything, in layer 0 no input's gradient: down, gate, up and output.
        let backward = (4 * 512 + 8 * 64) + 8 * 576 + 8 * (3 * 128 + 64)
        #expect(found.operations(.frozen) == Double(2 * (forward + backward)))
        #expect(found.operations(.logits) == Double(2 * 2 * 4 * 10 * 8))
    }

    /// Blocks of queries see all keys up to their last one: 2·2, 3·5 and 3·5, then 2·5 twice.
    @Test func attentionCountsKeysUpToTheBlocksLastQuery() throws {
        let (full, last) = (4 + 15 + 15, 10 + 10)
        // Scores and values forward; backward scores, dV, dP, dQ, dK, but no dK in layer 0.
        let scores = 2 * (2 * full + last) + 5 * (full + last) + 4 * full
        #expect(
            try Self.account(llama, queriesAndValues).operations(.attention)
                == Double(2 * 2 * 4 * scores))
    }

    @Test func lowRankProductsOfOneProjection() throws {
        // Layer 1, down: x·Aᵀ and ·Bᵀ; dy·B, dB and dA; no input's gradient is wanted.
        let found = try Self.account(llama, [(layer: 1, kind: .down)])
        #expect(
            found.operations(.lowRank) == Double(2 * 8 * 2 * ((16 + 8) + (8 + 8 + 16))))
        // Backward: the last layer whole, and of layer 1 nothing frozen.
        let forward = 2 * 8 * 576 + (8 * 64 + 4 * 512)
        #expect(found.operations(.frozen) == Double(2 * (forward + 4 * 512 + 8 * 64)))
    }

    @Test func recomputingAddsAForwardWithoutOutputs() throws {
        let adapted = [(layer: 0, kind: ProjectionKind.query)]
        let more =
            try Self.account(llama, adapted, recomputes: true).operations(.frozen)
            - Self.account(llama, adapted).operations(.frozen)
        #expect(more == Double(2 * 2 * 8 * (576 - 128)))
    }

    @Test func recomputingKeepsOneLayersActivations() throws {
        let plain = try Self.account(llama, queriesAndValues).memoryBytes
        let less = try Self.account(llama, queriesAndValues, recomputes: true).memoryBytes
        // Layers 1 and 2 lose query and attended, key and value, gate and up: of 8 rows, and of 4.
        let layer1 = 8 * (8 + 8 + 4 + 4 + 16 + 16)
        let layer2 = 8 * (4 + 4) + 4 * (8 + 8 + 16 + 16)
        let lost = (plain[.operand] ?? 0) - (less[.operand] ?? 0)
        #expect(lost == 4 * (layer1 + layer2))
    }

    /// Every product reads its weight once, and that is all that differs between types.
    @Test func readBytesFollowTheStorageOfWeights() throws {
        let wide = try Self.account(llama, queriesAndValues)
        let narrow = try Self.account(llama, queriesAndValues, weights: .bfloat16)
        // Forward 3 layers, backward the last two and of the first one down, gate, up and output; the
        // head forward and backward; one row of the embedding for each of 8 rows.
        let elements = 3 * 576 + 2 * 576 + (3 * 128 + 64) + 2 * 80 + 8 * 8
        #expect(wide.readBytes - narrow.readBytes == 2 * elements)
    }

    // MARK: Every family, all projections adapted, two layers

    struct Family: Sendable, CustomTestStringConvertible {
        let name: String
        let model: DecoderConfiguration
        /// Elements of weights times rows, forward and backward.
        let frozen: Int
        /// Rows times inputs plus outputs of the pairs, weighted by the products that they are in.
        let lowRank: Int
        /// Queries times keys of each product, summed.
        let attention: Int

        var testDescription: String { name }
    }

    /// Rows: 8 in layer 0. In the last layer 4, but for what yields keys and values. Backward the last
    /// layer needs each input's gradient; the first one needs none of what reads the layer's input.
    ///
    /// A pair of r = 2 with rows n: forward n·(in + out); backward n·(out + out + in), and n·in more for
    /// the gradient of its input.
    static let families: [Family] = {
        // 2·(2·2 + 3·5 + 3·5) forward and 5 times backward, then the same of 2·5 + 2·5.
        let plainAttention = 7 * 34 + 7 * 20
        func pairs(_ rows: Int, _ size: (Int, Int), _ wantsInput: Bool) -> Int {
            let (inputs, outputs) = size
            return rows * (2 * inputs + 3 * outputs + (wantsInput ? inputs : 0))
        }
        let (square, narrow, up, down) = ((8, 8), (8, 4), (8, 16), (16, 8))
        // q, k, v, o, gate, up, down in layer 0, then in layer 1.
        let gatedPairs =
            pairs(8, square, false) + 2 * pairs(8, narrow, false) + pairs(8, square, true)
            + 2 * pairs(8, up, true) + pairs(8, down, true)
            + pairs(4, square, true) + 2 * pairs(8, narrow, true) + pairs(4, square, true)
            + 2 * pairs(4, up, true) + pairs(4, down, true)
        // Forward 8 rows of all; keys and values of 8 rows, the rest of 4. Backward the same of the last
        // layer, and output, gate, up and down of the first.
        let gated = 8 * 576 + 2 * (8 * 64 + 4 * 512) + 8 * (64 + 3 * 128)
        // Fused: queries, keys and values of all rows even in the last layer.
        let fused: (Bool) -> Int = { isParallel in
            8 * 512 + 2 * (8 * 192 + 4 * 320) + 8 * (64 + 128 + (isParallel ? 0 : 128))
        }
        let fusedPairs: (Bool) -> Int = { isParallel in
            pairs(8, (8, 24), false) + pairs(8, square, true) + pairs(8, up, !isParallel)
                + pairs(8, down, true)
                + pairs(8, (8, 24), true) + pairs(4, square, true) + pairs(4, up, true)
                + pairs(4, down, true)
        }
        return [
            Family(
                name: "llama", model: model(.llama, layers: 2), frozen: gated,
                lowRank: gatedPairs, attention: plainAttention),
            Family(
                name: "qwen2",
                model: model(.llama, layers: 2) { $0.biases = [.query, .key, .value] },
                frozen: gated, lowRank: gatedPairs, attention: plainAttention),
            Family(
                name: "qwen3", model: model(.qwen3, layers: 2), frozen: gated, lowRank: gatedPairs,
                attention: plainAttention),
            Family(
                name: "gemma 2",
                model: model(.gemma2, layers: 2) {
                    $0.norm = .rootMeanSquarePlusOne
                    ($0.scoreCap, $0.logitCap) = (50, 30)
                    $0.windows = [2, nil]
                }, frozen: gated, lowRank: gatedPairs,
                // A window of 2 leaves 2·2, 3·4 and 3·4 in layer 0.
                attention: 7 * 28 + 7 * 20),
            Family(
                name: "gemma 3",
                model: model(.gemma3, layers: 2) {
                    $0.norm = .rootMeanSquarePlusOne
                    $0.windows = [nil, 2]
                }, frozen: gated, lowRank: gatedPairs,
                // 2·3 twice in the last layer.
                attention: 7 * 34 + 7 * 12),
            Family(
                name: "phi 3", model: model(.phi3, layers: 2),
                frozen: 8 * 576 + 2 * (8 * 128 + 4 * (64 + 256 + 128)) + 8 * (64 + 256 + 128),
                lowRank: pairs(8, (8, 16), false) + pairs(8, square, true) + pairs(8, (8, 32), true)
                    + pairs(8, down, true)
                    + pairs(8, (8, 16), true) + pairs(4, square, true) + pairs(4, (8, 32), true)
                    + pairs(4, down, true),
                attention: plainAttention),
            Family(
                name: "gpt-2",
                model: model(.gpt2, layers: 2, keyValueHeads: 2) {
                    $0.norm = .layer
                    $0.biases = [.queryKeyValue, .output, .up, .down]
                }, frozen: fused(false), lowRank: fusedPairs(false), attention: plainAttention),
            Family(
                name: "gpt-neox",
                model: model(.gptNeoX, layers: 2, keyValueHeads: 2) {
                    $0.norm = .layer
                    $0.parallelResidual = true
                }, frozen: fused(true), lowRank: fusedPairs(true), attention: plainAttention),
            Family(
                name: "gpt-neox in sequence",
                model: model(.gptNeoX, layers: 2, keyValueHeads: 2) { $0.norm = .layer },
                frozen: fused(false), lowRank: fusedPairs(false), attention: plainAttention),
            Family(
                name: "gpt-j",
                model: model(.gptJ, layers: 2, keyValueHeads: 2) {
                    $0.norm = .layer
                    $0.parallelResidual = true
                    $0.headBias = true
                },
                frozen: 8 * 512 + 2 * (8 * 128 + 4 * (64 + 64 + 256)) + 8 * (64 + 128),
                lowRank: 3 * pairs(8, square, false) + pairs(8, square, true)
                    + pairs(8, up, false) + pairs(8, down, true)
                    + 2 * pairs(8, square, true) + 2 * pairs(4, square, true)
                    + pairs(4, up, true) + pairs(4, down, true),
                attention: plainAttention),
        ]
    }()

    @Test(arguments: families) func totalsOfEveryFamily(_ family: Family) throws {
        let found = try Self.account(family.model, Self.everything(family.model))
        #expect(found.operations(.frozen) == Double(2 * family.frozen))
        #expect(found.operations(.lowRank) == Double(2 * 2 * family.lowRank))
        // 2 heads of 4.
        #expect(found.operations(.attention) == Double(2 * 2 * 4 * family.attention))
        #expect(found.operations(.logits) == Double(2 * 2 * 4 * 10 * 8))
    }
}
