import Words

/// Tensors of a model's files that are no part of the model.
struct UnreadTensors: Sendable {
    /// Sorted.
    let names: [String]

    /// - Parameters:
    ///   - all: Names of the files' tensors.
    ///   - required: Names of those that are read.
    init(_ all: some Sequence<String>, required: [String]) {
        let required = Set(required)
        names = all.filter { !required.contains($0) && !Self.isLeftover($0) }.sorted()
    }

    /// The first that belongs to a low-rank adapter.
    var adapterPart: String? { names.first { $0.contains(".lora_") } }

    /// What to say of them; `nil` if there are none.
    func remark(path: String, _ model: DecoderConfiguration) -> String? {
        guard !names.isEmpty else { return nil }
        let shown = names.prefix(3).map(\.onePlainLine).joined(separator: ", ")
        let others = names.count > 3 ? " and \(names.count - 3) more" : ""
        let layers = names.compactMap { layer(of: $0, model) }
        let count =
            (layers.max() ?? 0) >= model.layerCount
            ? "; config.json says \(model.layerCount) layers, the files have more" : ""
        return "\(path): \(names.count) tensors are not used, they belong to no part of this "
            + "\(model.modelType) model: \(shown)\(others)\(count)"
    }

    private func layer(of name: String, _ model: DecoderConfiguration) -> Int? {
        let start = model.family.layers + "."
        guard name.hasPrefix(start) else { return nil }
        return name.dropFirst(start.count).split(separator: ".").first.flatMap { Int($0) }
    }

    /// Tables that older versions of transformers saved, and that are computed anew.
    ///
    /// Source: transformers, `_keys_to_ignore_on_load_unexpected` of each family.
    private static let leftovers = [
        "rotary_emb.inv_freq", "attn.bias", "attn.masked_bias", "attention.bias",
        "attention.masked_bias", "position_ids",
    ]

    private static func isLeftover(_ name: String) -> Bool {
        leftovers.contains { name == $0 || name.hasSuffix("." + $0) }
    }
}

extension String {
    /// Without control characters: names come out of files that may be hostile.
    var onePlainLine: String { String(quoted.dropFirst().dropLast()) }
}
