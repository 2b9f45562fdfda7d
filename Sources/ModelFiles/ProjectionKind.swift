/// The linear projections of a decoder layer, in the order in which adapters store them.
///
/// A family has some of them: ``DecoderFamily/projections``.
public enum ProjectionKind: String, Sendable, CaseIterable {
    case query = "q_proj"
    case key = "k_proj"
    case value = "v_proj"
    /// Query, key and value as one weight.
    case queryKeyValue = "qkv_proj"
    case output = "o_proj"
    case gate = "gate_proj"
    /// The first projection of a feed-forward block; without ``gate`` the only one before the
    /// activation.
    case up = "up_proj"
    /// Gate and up as one weight, the gate's rows first.
    case gateUp = "gate_up_proj"
    case down = "down_proj"

    /// Place in ``allCases``.
    public var index: Int {
        switch self {
        case .query: 0
        case .key: 1
        case .value: 2
        case .queryKeyValue: 3
        case .output: 4
        case .gate: 5
        case .up: 6
        case .gateUp: 7
        case .down: 8
        }
    }

    /// The fused weight that some families have in place of this one; `nil` if none has.
    public var whole: ProjectionKind? {
        switch self {
        case .query, .key, .value: .queryKeyValue
        case .gate, .up: .gateUp
        case .queryKeyValue, .output, .gateUp, .down: nil
        }
    }
}

/// The places of a decoder layer where something is normalised.
public enum NormRole: Sendable, CaseIterable {
    /// What enters attention; without ``feedForward`` also what enters the feed-forward block.
    case input
    /// What enters the feed-forward block.
    case feedForward
    /// Each head of the queries, before rotation.
    case query
    /// Each head of the keys, before rotation.
    case key
    /// What attention yields, before it is added to the residual stream.
    case afterAttention
    /// What the feed-forward block yields, before it is added.
    case afterFeedForward
}
