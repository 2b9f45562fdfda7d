import CKernels
public import Tensors

/// The heads of an attention block, and whom a query sees.
public struct AttentionShape: Sendable {
    public let heads: Int
    public let keyValueHeads: Int
    public let dimension: Int
    /// What `q·kᵀ` is multiplied by.
    public let scale: Float
    /// Scaled scores `x` become `c·tanh(x / c)`; `nil`: they stay.
    public let scoreCap: Float?
    /// Positions that a query sees, its own included; `nil`: all before it.
    public let window: Int?

    /// - Parameter scale: `nil` is `1 / √dimension`.
    /// - Precondition: `heads` is a multiple of `keyValueHeads`; a window is positive.
    public init(
        heads: Int, keyValueHeads: Int, dimension: Int, scale: Float? = nil,
        scoreCap: Float? = nil, window: Int? = nil
    ) {
        precondition(keyValueHeads > 0 && heads.isMultiple(of: keyValueHeads))
        precondition((window ?? 1) > 0, "a window of \(window ?? 0)")
        self.heads = heads
        self.keyValueHeads = keyValueHeads
        self.dimension = dimension
        self.scale = scale ?? 1 / Float(dimension).squareRoot()
        self.scoreCap = scoreCap
        self.window = window
    }

    /// Queries that are scored at a time: scores are `[queryRows, keys]`, never `[tokens, tokens]`.
    /// Part of the numerics.
    public static let queryRows = 128

    /// Cuts queries at consecutive positions into the blocks that are scored at a time.
    ///
    /// - Parameters:
    ///   - queries: How many.
    ///   - past: Keys before the first query.
    ///   - body: Called with the queries of a block and the keys that any of them sees.
    public func forEachBlock(
        ofQueries queries: Int, past: Int,
        _ body: (_ queries: Range<Int>, _ keys: Range<Int>) -> Void
    ) {
        var start = 0
        while start < queries {
            let block = start..<min(start + Self.queryRows, queries)
            let first = window.map { max(0, past + start + 1 - $0) } ?? 0
            body(block, first..<past + block.upperBound)
            start += Self.queryRows
        }
    }

    func keyValueHead(of head: Int) -> Int { head / (heads / keyValueHeads) }
}

extension Backend {
    /// Causal grouped-query attention of queries at consecutive positions.
    ///
    /// For each head, `out = softmax(scale · q·kᵀ) · v`, query `i` seeing keys `0 … past + i`, or the
    /// last of them within the window. Keys that no query of a block sees are not multiplied.
    ///
    /// - Parameters:
    ///   - q: `[tokens, heads · d]`.
    ///   - k: `[past + tokens, keyValueHeads · d]`.
    ///   - v: as `k`.
    ///   - out: `[tokens, heads · d]`, overwritten.
    ///   - logSums: `[tokens, heads]`, for the backward pass.
    ///   - past: Keys before the first query: a cache's, or a prefix that other queries share.
    /// - Source: Vaswani et al. 2017, arXiv:1706.03762; Ainslie et al. 2023, arXiv:2305.13245.
    public func attend(
        _ q: HostMatrix, _ k: HostMatrix, _ v: HostMatrix, shape: AttentionShape,
        into out: HostMatrix,
        logSums: HostMatrix, past: Int = 0, scratch: Scratch
    ) {
        precondition(k.rows == past + q.rows && v.rows == k.rows && logSums.rows == q.rows)
        let d = shape.dimension
        shape.forEachBlock(ofQueries: q.rows, past: past) { rows, seen in
            let keys = seen.count
            for head in 0..<shape.heads {
                let shared = shape.keyValueHead(of: head) * d
                multiply(
                    q.pointer + rows.lowerBound * q.stride + head * d, q.stride, false,
                    k.pointer + seen.lowerBound * k.stride + shared, k.stride, true,
                    scratch.scores.pointer, keys, m: rows.count, n: keys, k: d, alpha: 1, beta: 0)
                let scale = cap(rows.count, keys, shape, scratch, keepsSlopes: false)
                ck_causal_softmax(
                    scratch.scores.pointer, rows.count, keys, keys,
                    past + rows.lowerBound + 1 - seen.lowerBound, shape.window ?? Int.max, scale,
                    logSums.pointer + rows.lowerBound * logSums.stride + head, logSums.stride)
                multiply(
                    scratch.scores.pointer, keys, false,
                    v.pointer + seen.lowerBound * v.stride + shared, v.stride, false,
                    out.pointer + rows.lowerBound * out.stride + head * d, out.stride,
                    m: rows.count, n: d, k: keys, alpha: 1, beta: 0)
            }
        }
    }

    /// Gradients of ``attend(_:_:_:shape:into:logSums:past:scratch:)``.
    ///
    /// With `P = softmax`, `δᵢ = Σ doutᵢ·outᵢ`: `dv += Pᵀ·dout`, `dS = scale · P ⊙ (dout·vᵀ − δ)`,
    /// times `1 − tanh²` where scores are capped, `dq = dS·k`, `dk += dSᵀ·q`. Probabilities are computed again from `logSums`.
    ///
    /// - Parameters:
    ///   - dq: `[tokens, heads · d]`, overwritten; `nil` if nobody asks for it, as the others.
    ///   - dk: `[past + tokens, keyValueHeads · d]`, added to.
    ///   - dv: as `dk`.
    /// - Source: Dao et al. 2022, arXiv:2205.14135, appendix B.
    public func attendBack(
        _ dout: HostMatrix, q: HostMatrix, k: HostMatrix, v: HostMatrix, out: HostMatrix,
        logSums: HostMatrix,
        shape: AttentionShape, dq: HostMatrix?, dk: HostMatrix?, dv: HostMatrix?, past: Int = 0,
        scratch: Scratch
    ) {
        precondition(k.rows == past + q.rows && v.rows == k.rows && logSums.rows == q.rows)
        let d = shape.dimension
        let scores = scratch.scores.pointer
        let gradients = scratch.scoreGradients.pointer
        shape.forEachBlock(ofQueries: q.rows, past: past) { rows, seen in
            let keys = seen.count
            for head in 0..<shape.heads {
                let shared = shape.keyValueHead(of: head) * d
                let (m, own) = (rows.count, head * d)
                let kRows = k.pointer + seen.lowerBound * k.stride + shared
                let qRows = q.pointer + rows.lowerBound * q.stride + own
                let doutRows = dout.pointer + rows.lowerBound * dout.stride + own
                multiply(
                    qRows, q.stride, false, kRows, k.stride, true, scores, keys,
                    m: m, n: keys, k: d, alpha: 1, beta: 0)
                let scale = cap(m, keys, shape, scratch, keepsSlopes: true)
                ck_causal_softmax_again(
                    scores, m, keys, keys, past + rows.lowerBound + 1 - seen.lowerBound,
                    shape.window ?? Int.max, scale,
                    logSums.pointer + rows.lowerBound * logSums.stride + head, logSums.stride)
                if let dv {
                    multiply(
                        scores, keys, true, doutRows, dout.stride, false,
                        dv.pointer + seen.lowerBound * dv.stride + shared, dv.stride,
                        m: keys, n: d, k: m, alpha: 1, beta: 1)
                }
                if dq == nil && dk == nil { continue }
                multiply(
                    doutRows, dout.stride, false,
                    v.pointer + seen.lowerBound * v.stride + shared, v.stride, true, gradients,
                    keys, m: m, n: keys, k: d, alpha: 1, beta: 0)
                ck_row_dots(
                    doutRows, dout.stride, out.pointer + rows.lowerBound * out.stride + own,
                    out.stride, scratch.delta.pointer, 1, m, d)
                ck_softmax_backward(
                    scores, gradients, m, keys, keys, shape.scale, scratch.delta.pointer, 1)
                if shape.scoreCap != nil {
                    ck_multiply(scratch.slopes.pointer, gradients, m * keys)
                }
                if let dq {
                    multiply(
                        gradients, keys, false, kRows, k.stride, false,
                        dq.pointer + rows.lowerBound * dq.stride + own, dq.stride,
                        m: m, n: d, k: keys, alpha: 1, beta: 0)
                }
                if let dk {
                    multiply(
                        gradients, keys, true, qRows, q.stride, false,
                        dk.pointer + seen.lowerBound * dk.stride + shared, dk.stride,
                        m: keys, n: d, k: m, alpha: 1, beta: 1)
                }
            }
        }
    }

    /// Caps the scores in the scratch where the shape says so.
    ///
    /// - Returns: What they are still to be multiplied by.
    private func cap(
        _ rows: Int, _ keys: Int, _ shape: AttentionShape, _ scratch: Scratch, keepsSlopes: Bool
    ) -> Float {
        guard let cap = shape.scoreCap else { return shape.scale }
        ck_soft_cap(
            scratch.scores.pointer, keepsSlopes ? scratch.slopes.pointer : nil, rows, keys, keys,
            shape.scale, cap)
        return 1
    }
}
