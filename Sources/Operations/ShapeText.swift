public import ModelFiles

extension DecoderConfiguration {
    /// A model that need not be on disk, from the command line: a known name, or sizes.
    ///
    /// - Parameter text: `gpt3-175b`, or
    ///   `layers=30,width=576,heads=9,kv-heads=3,feed-forward=1536,vocabulary=49152,tied=yes`;
    ///   `kv-heads`, `head-dimension`, `tied`, `positions` and `family` may be left out: then they are as
    ///   many as heads, as the family has them, and LLaMA.
    /// - Throws: ``OperationsError`` naming the word that is wrong.
    public init(shape text: String) throws(OperationsError) {
        guard text.contains("=") else {
            guard let found = KnownShapes.all.first(where: { $0.name == text.lowercased() }) else {
                throw OperationsError(
                    "--shape", "'\(text)' is not known",
                    hint: "Known are " + KnownShapes.all.map(\.name).joined(separator: ", ")
                        + "; or give layers=…,width=…,heads=…,feed-forward=…,vocabulary=…")
            }
            self = try ShapeFields(found.sizes).model()
            return
        }
        self = try ShapeFields(text).model()
    }
}

/// The words of a shape that is given by sizes.
private struct ShapeFields {
    /// Names with the largest size that makes sense: no product of them overflows.
    private static let limits = [
        "layers": 10_000, "width": 1_000_000, "heads": 10_000, "kv-heads": 10_000,
        "head-dimension": 100_000, "feed-forward": 4_000_000, "vocabulary": 10_000_000,
        "positions": 100_000_000,
    ]
    private var values: [String: String] = [:]

    init(_ text: String) throws(OperationsError) {
        for field in text.split(separator: ",") {
            let parts = field.split(separator: "=", maxSplits: 1).map { String($0).trimmed }
            guard parts.count == 2 else {
                throw OperationsError("--shape", "'\(field)' is not name=value")
            }
            guard Self.limits[parts[0]] != nil || ["tied", "family"].contains(parts[0]) else {
                let names = Self.limits.keys.sorted().joined(separator: ", ")
                throw OperationsError(
                    "--shape", "'\(parts[0])' is not a size",
                    hint: "Sizes are \(names), tied, family")
            }
            guard values.updateValue(parts[1], forKey: parts[0]) == nil else {
                throw OperationsError("--shape", "names \(parts[0]) twice")
            }
        }
    }

    func model() throws(OperationsError) -> DecoderConfiguration {
        let (width, heads) = (try required("width"), try required("heads"))
        let keyValueHeads = try size("kv-heads")
        let dimension = try size("head-dimension")
        guard dimension != nil || width.isMultiple(of: heads) else {
            throw OperationsError(
                "--shape", "width \(width) is no multiple of heads \(heads)",
                hint: "Give head-dimension too")
        }
        guard heads.isMultiple(of: keyValueHeads ?? heads) else {
            throw OperationsError(
                "--shape", "heads \(heads) is no multiple of kv-heads \(keyValueHeads ?? heads)"
            )
        }
        guard heads * (dimension ?? width / heads) <= 1_000_000 else {
            throw OperationsError("--shape", "heads times head-dimension is above 1000000")
        }
        let sizes = DecoderSizes(
            layers: try required("layers"), width: width, heads: heads,
            keyValueHeads: keyValueHeads, headDimension: dimension,
            feedForward: try required("feed-forward"), vocabulary: try required("vocabulary"),
            tiesEmbeddings: try isTied(), positions: try size("positions"))
        // Before transformers' names were taken, GPT-NeoX was written like this.
        let family = values["family"] == "gptneox" ? "gpt_neox" : values["family"] ?? "llama"
        do {
            return try DecoderConfiguration(modelType: family, sizes, origin: "--shape")
        } catch {
            throw OperationsError("--shape", error.problem, hint: error.hint)
        }
    }

    private func required(_ name: String) throws(OperationsError) -> Int {
        guard let value = try size(name) else {
            throw OperationsError("--shape", "\(name)=… is missing")
        }
        return value
    }

    private func size(_ name: String) throws(OperationsError) -> Int? {
        guard let text = values[name] else { return nil }
        let limit = Self.limits[name] ?? 0
        guard let value = Int(text), value >= 1, value <= limit else {
            throw OperationsError(
                "--shape", "\(name) is '\(text)'; it must be a whole number from 1 to \(limit)")
        }
        return value
    }

    private func isTied() throws(OperationsError) -> Bool? {
        switch values["tied"] {
        case nil: return nil
        case "no", "false": return false
        case "yes", "true": return true
        case let other?:
            throw OperationsError("--shape", "tied is '\(other)'; it must be yes or no")
        }
    }
}
