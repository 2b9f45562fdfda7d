import Foundation
import Kernels
import ModelFiles
import Operations
import Slices
import TestSupport
import Testing
import Transformer

@Suite struct StepProductsTests {
    /// Width 8, 2 heads of 4, 1 key-value head, feed-forward 16, 3 layers, vocabulary 10.
    private let model = DecoderConfiguration(
        modelType: "llama", vocabularySize: 10, width: 8, layerCount: 3, headCount: 2,
        keyValueHeadCount: 1, headDimension: 4, feedForwardWidth: 16, maximumPositions: 64,
        normEpsilon: 1e-5, rotary: RotaryConfiguration(theta: 10_000), tiedEmbeddings: true,
        bosToken: nil, eosTokens: [0])
    /// A shared start of 2 rows, then two ends of 3; 4 targets.
    private let work = SliceWork(
        rows: 8, targets: 4,
        runs: [
            .init(queries: 2, keysBefore: 0), .init(queries: 3, keysBefore: 2),
            .init(queries: 3, keysBefore: 2),
        ],
        targetRuns: [.init(queries: 2, keysBefore: 3), .init(queries: 2, keysBefore: 3)])

    private func products(
        _ projections: [(layer: Int, kind: ProjectionKind)], recomputes: Bool = false
    ) -> StepProducts {
        StepProducts(
            model: model,
            layout: LowRankLayout(
                adapterRank: 2, alpha: 4, projections: projections, model: model),
            slice: work, recomputes: recomputes)
    }

    /// Weights of a layer: q and o 64, k and v 32, gate, up and down 128 elements.
    @Test func frozenProductsOfQueryAndValueInAllLayers() {
        let all = (0..<3).flatMap { [($0, ProjectionKind.query), ($0, .value)] }
            .map { (layer: $0.0, kind: $0.1) }
        let found = products(all)
        // Layers 0 and 1 compute all rows; of the last one, keys and values only.
        let forward = 2 * 8 * 576 + (8 * 64 + 4 * 512)
        // Down to layer 1 everything, in layer 0 no input's gradient: down, gate, up and output.
        let backward = (4 * 512 + 8 * 64) + 8 * 576 + 8 * (3 * 128 + 64)
        #expect(found.operations(.frozen) == Double(2 * (forward + backward)))
        #expect(found.operations(.logits) == Double(2 * 2 * 4 * 10 * 8))
    }

    /// Blocks of queries see all keys up to their last one: 2·2, 3·5 and 3·5, then 2·5 twice.
    @Test func attentionCountsKeysUpToTheBlocksLastQuery() {
        let all = (0..<3).flatMap { [($0, ProjectionKind.query), ($0, .value)] }
            .map { (layer: $0.0, kind: $0.1) }
        let (full, last) = (4 + 15 + 15, 10 + 10)
        // Scores and values forward; backward scores, dV, dP, dQ, dK, but no dK in layer 0.
        let scores = 2 * (2 * full + last) + 5 * (full + last) + 4 * full
        #expect(products(all).operations(.attention) == Double(2 * 2 * 4 * scores))
    }

    @Test func lowRankProductsOfOneProjection() {
        // Layer 1, down: x·Aᵀ and ·Bᵀ; dy·B, dB and dA; no input's gradient is wanted.
        let found = products([(layer: 1, kind: .down)])
        #expect(
            found.operations(.lowRank)
                == Double(2 * 8 * 2 * ((16 + 8) + (8 + 8 + 16))))
        // Backward: the last layer whole, and of layer 1 nothing frozen.
        let forward = 2 * 8 * 576 + (8 * 64 + 4 * 512)
        #expect(found.operations(.frozen) == Double(2 * (forward + 4 * 512 + 8 * 64)))
    }

    @Test func recomputingAddsAForwardWithoutOutputs() {
        let adapted = [(layer: 0, kind: ProjectionKind.query)]
        let more =
            products(adapted, recomputes: true).operations(.frozen)
            - products(adapted).operations(.frozen)
        #expect(more == Double(2 * 2 * 8 * (576 - 128)))
    }
}
