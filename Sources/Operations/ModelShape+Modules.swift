extension ModelShape {
    /// A linear projection of one layer, or the part of a fused one that a short name means.
    public struct Module: Sendable, Equatable {
        enum Block { case attention, feedForward }

        /// Path inside a layer as transformers names it, e.g. `self_attn.q_proj`.
        public let path: String
        /// `q`, `k`, `v`, `o`, `gate`, `up` or `down`; `nil` for a fused projection.
        public let shortName: String?
        public let inputs: Int
        public let outputs: Int
        let block: Block
    }

    /// The linear projections of one layer, as the family's files have them.
    public var modules: [Module] {
        switch family {
        case .llama, .qwen2:
            [
                module("self_attn.q_proj", "q"), module("self_attn.k_proj", "k"),
                module("self_attn.v_proj", "v"), module("self_attn.o_proj", "o"),
                module("mlp.gate_proj", "gate"), module("mlp.up_proj", "up"),
                module("mlp.down_proj", "down"),
            ]
        case .gptj:
            [
                module("attn.q_proj", "q"), module("attn.k_proj", "k"),
                module("attn.v_proj", "v"), module("attn.out_proj", "o"),
                module("mlp.fc_in", "up"), module("mlp.fc_out", "down"),
            ]
        case .gpt2:
            [
                fused("attn.c_attn"), module("attn.c_proj", "o"), module("mlp.c_fc", "up"),
                module("mlp.c_proj", "down"),
            ]
        case .gptneox:
            [
                fused("attention.query_key_value"), module("attention.dense", "o"),
                module("mlp.dense_h_to_4h", "up"), module("mlp.dense_4h_to_h", "down"),
            ]
        }
    }

    /// Parts of the fused projection that can be adapted by themselves, as in loralib's
    /// `MergedLinear`; none where projections are separate.
    private var parts: [Module] {
        guard let whole = modules.first(where: { $0.shortName == nil }) else { return [] }
        return ["q", "k", "v"].map { module("\(whole.path)[\($0)]", $0) }
    }

    private func fused(_ path: String) -> Module {
        let outputs = (headCount + 2 * keyValueHeadCount) * headDimension
        return Module(
            path: path, shortName: nil, inputs: width, outputs: outputs, block: .attention)
    }

    private func module(_ path: String, _ shortName: String) -> Module {
        let queries = headCount * headDimension
        let keys = keyValueHeadCount * headDimension
        let (inputs, outputs) =
            switch shortName {
            case "q": (width, queries)
            case "k", "v": (width, keys)
            case "o": (queries, width)
            case "down": (feedForwardWidth, width)
            default: (width, feedForwardWidth)
            }
        return Module(
            path: path, shortName: shortName, inputs: inputs, outputs: outputs,
            block: ["q", "k", "v", "o"].contains(shortName) ? .attention : .feedForward)
    }

    /// The projections of a layer that `--targets` means.
    ///
    /// - Parameter flag: Names separated by commas: short ones (`q`), module names (`q_proj`) or
    ///   paths inside a layer (`mlp.c_proj`); or `all-linear`.
    /// - Returns: Each once, in the order of ``modules``.
    /// - Throws: ``OperationsError`` if a name means nothing, or a part and its whole are both named.
    public func modules(targets flag: String) throws(OperationsError) -> [Module] {
        let names = flag.split(separator: ",").map { String($0).trimmed }
        if names == ["all-linear"] { return modules }
        guard !names.isEmpty else {
            throw OperationsError("--targets", "is empty", hint: hint)
        }
        let all = modules + parts
        var chosen: [Module] = []
        for name in names {
            let matching = all.filter {
                $0.shortName == name || $0.path == name || $0.path.hasSuffix("." + name)
            }
            guard !matching.isEmpty else {
                throw OperationsError(
                    "--targets", "'\(name)' is no projection of this model", hint: hint)
            }
            chosen += matching
        }
        if let whole = chosen.first(where: { $0.shortName == nil }),
            let part = chosen.first(where: { $0.path.hasPrefix(whole.path + "[") })
        {
            throw OperationsError(
                "--targets", "names \(whole.path) and its part '\(part.shortName ?? "")'",
                hint: "Name the whole or its parts")
        }
        return all.filter(chosen.contains)
    }

    private var hint: String {
        let short = (modules + parts).compactMap(\.shortName)
        return "Choose among \(short.joined(separator: ", ")), "
            + modules.map(\.path).joined(separator: ", ") + ", or all-linear"
    }
}

extension String {
    /// Without spaces at its ends.
    var trimmed: String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
