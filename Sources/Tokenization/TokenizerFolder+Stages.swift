extension PreTokenizer {
    private static let supported =
        "Supported: ByteLevel (GPT-2), Digits + ByteLevel (SmolLM), Split + ByteLevel (Llama-3)"

    /// Reads `pre_tokenizer` of a `tokenizer.json`.
    init(_ node: JSONNode?, file: String) throws(TokenizationError) {
        guard let node else {
            throw TokenizationError(
                "has no pre_tokenizer, so its BPE is not byte-level", at: file,
                hint: Self.supported)
        }
        let type = try node.required("type").text()
        let parts =
            type == "Sequence" ? try node.required("pretokenizers").array() : [node]
        var stages: [Stage] = []
        for (index, part) in parts.enumerated() {
            let isLast = index == parts.count - 1
            stages += try Self.stages(part, isLast: isLast)
        }
        guard !parts.isEmpty else {
            throw TokenizationError("is empty", at: node.location, hint: Self.supported)
        }
        self.init(stages: stages)
    }

    /// Words become bytes in the last part and only there.
    private static func stages(
        _ node: JSONNode, isLast: Bool
    ) throws(TokenizationError) -> [Stage] {
        let type = try node.required("type").text()
        switch (type, isLast) {
        case ("ByteLevel", true):
            let prefix = try node.flag("add_prefix_space", default: true)
            let splits = try node.flag("use_regex", default: true)
            return (prefix ? [.prefixSpace] : []) + (splits ? [.pattern(.gpt2)] : [])
        case ("Digits", false):
            guard try node.flag("individual_digits", default: false) else {
                throw TokenizationError(
                    "Digits without individual_digits is not supported", at: node.location,
                    hint: supported)
            }
            return [.digits]
        case ("Split", false):
            return [.pattern(try pattern(node))]
        default:
            throw TokenizationError(
                "a pre-tokenizer of type '\(type.excerpt)' is not supported "
                    + (isLast ? "as the last one" : "before another"),
                at: node.location, hint: supported)
        }
    }

    private static func pattern(_ node: JSONNode) throws(TokenizationError) -> SplitPattern {
        let behavior = try node.required("behavior").text()
        guard behavior == "Isolated", try !node.flag("invert", default: false) else {
            throw TokenizationError(
                "Split with behavior '\(behavior.excerpt)' is not supported, nor is invert",
                at: node.location, hint: supported)
        }
        let expression = try node.required("pattern")["Regex"]?.text() ?? "a plain string"
        guard expression == SplitPattern.llama3Expression else {
            throw TokenizationError(
                "the pattern '\(expression.excerpt)' is not supported", at: node.location,
                hint: supported)
        }
        return .llama3
    }
}

/// Reads from `post_processor` of a `tokenizer.json` what comes first in a text.
enum BeginTokens {
    static func read(_ node: JSONNode?) throws(TokenizationError) -> [Int32] {
        guard let node else { return [] }
        let type = try node.required("type").text()
        switch type {
        case "ByteLevel": return []
        case "TemplateProcessing": return try template(node)
        case "Sequence":
            var tokens: [Int32] = []
            // Each part wraps what the ones before it made.
            for part in try node.required("processors").array() {
                tokens = try read(part) + tokens
            }
            return tokens
        default:
            throw TokenizationError(
                "a post-processor of type '\(type.excerpt)' is not supported", at: node.location,
                hint: "Supported: none, ByteLevel, TemplateProcessing and sequences of these")
        }
    }

    /// `single` lists special tokens and the text, which is `{"Sequence": …}`.
    private static func template(_ node: JSONNode) throws(TokenizationError) -> [Int32] {
        var tokens: [Int32] = []
        for piece in try node.required("single").array() {
            guard let special = piece["SpecialToken"] else { break }
            let name = try special.required("id").text()
            let entry = try node.required("special_tokens").required(name)
            for id in try entry.required("ids").array() { tokens.append(try id.tokenID()) }
        }
        return tokens
    }
}
