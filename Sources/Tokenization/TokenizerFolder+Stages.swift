import JSON
import Words

extension Normalizer {
    /// Reads `normalizer` of a `tokenizer.json`.
    init(_ node: JSONNode?) throws(TokenizationError) {
        self.init(stages: try node.map(Self.stages) ?? [])
    }

    private static func stages(_ node: JSONNode) throws(TokenizationError) -> [Stage] {
        let type = try node.required("type").text()
        switch type {
        case "NFC": return [nfc]
        case "NFD": return [nfd]
        case "NFKC": return [nfkc]
        case "NFKD": return [nfkd]
        case "Lowercase": return [.lowercase]
        case "Prepend": return [.prepend(Array(try node.required("prepend").text().utf8))]
        case "Replace":
            let pattern = try node.literal("pattern")
            return [.replace(pattern, with: Array(try node.required("content").text().utf8))]
        case "Sequence":
            var stages: [Stage] = []
            for part in try node.required("normalizers").array() {
                stages += try Self.stages(part)
            }
            return stages
        default:
            throw TokenizationError(
                "a normalizer of type '\(type.excerpt())' is not supported", at: node.location,
                hint: "Supported: NFC, NFD, NFKC, NFKD, Lowercase, Prepend, Replace, Sequence")
        }
    }
}

extension PreTokenizer {
    private static let supported =
        "Supported: ByteLevel, Digits, Metaspace, Punctuation, Split and sequences of these"

    /// Reads `pre_tokenizer` of a `tokenizer.json`, and whether words become bytes at its end.
    ///
    /// - Parameter prefixesSpace: In the place of what `ByteLevel` says of spaces before a text.
    static func read(
        _ node: JSONNode?, prefixesSpace: Bool? = nil
    ) throws(TokenizationError) -> (PreTokenizer, TokenizerDefinition.Spelling) {
        guard let node else { return (PreTokenizer(stages: []), .text) }
        var stages = try stages(node, prefixesSpace)
        // The characters of the alphabet need not be written out where nothing looks at them.
        if case .alphabet? = stages.last {
            stages.removeLast()
            return (PreTokenizer(stages: stages), .byteLevel)
        }
        return (PreTokenizer(stages: stages), .text)
    }

    private static func stages(
        _ node: JSONNode, _ prefixesSpace: Bool?
    ) throws(TokenizationError) -> [Stage] {
        let type = try node.required("type").text()
        switch type {
        case "Sequence":
            var stages: [Stage] = []
            for part in try node.required("pretokenizers").array() {
                stages += try Self.stages(part, prefixesSpace)
            }
            return stages
        case "ByteLevel":
            let own = try node.boolean("add_prefix_space", default: true)
            let prefix = prefixesSpace ?? own
            let splits = try node.boolean("use_regex", default: true)
            return (prefix ? [.prefixSpace] : []) + (splits ? [.pattern(.gpt2)] : []) + [.alphabet]
        case "Digits":
            return try node.boolean("individual_digits", default: false)
                ? [.digits] : [.split(.characters(.digit), .contiguous, isInverted: false)]
        case "Punctuation":
            let behavior = try node["behavior"].map(behavior) ?? .isolated
            return [.split(.characters(.punctuation), behavior, isInverted: false)]
        case "Split": return [try split(node)]
        case "Metaspace": return [try metaspace(node)]
        default:
            throw TokenizationError(
                "a pre-tokenizer of type '\(type.excerpt())' is not supported",
                at: node.location, hint: supported)
        }
    }

    private static func behavior(
        _ node: JSONNode
    ) throws(TokenizationError) -> Separator.Behavior {
        let name = try node.text()
        guard let behavior = Separator.Behavior(rawValue: name) else {
            throw TokenizationError(
                "the behavior '\(name.excerpt())' is not supported", at: node.location,
                hint: "Supported: Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous"
            )
        }
        return behavior
    }

    private static func split(_ node: JSONNode) throws(TokenizationError) -> Stage {
        let behavior = try behavior(node.required("behavior"))
        let isInverted = try node.boolean("invert", default: false)
        let pattern = try node.required("pattern")
        guard let expression = try pattern["Regex"]?.text() else {
            return .split(.literal(try node.literal("pattern")), behavior, isInverted: isInverted)
        }
        // Each of these matches everywhere, so that there is nothing between matches.
        if behavior == .isolated || behavior == .removed && isInverted,
            let known = SplitPattern(expression: expression)
        {
            return .pattern(known)
        }
        return .split(
            .expression(try SplitExpression(expression, at: pattern.location)), behavior,
            isInverted: isInverted)
    }

    private static func metaspace(_ node: JSONNode) throws(TokenizationError) -> Stage {
        let replacement = try node["replacement"]?.text() ?? "▁"
        guard replacement == "▁" else {
            throw TokenizationError(
                "the replacement '\(replacement.excerpt())' is not supported", at: node.location,
                hint: "Supported: ▁ (U+2581)")
        }
        // Files of before 2024 say add_prefix_space.
        let older = try node.boolean("add_prefix_space", default: true) ? "always" : "never"
        let name = try node["prepend_scheme"]?.text() ?? older
        guard let prefix = Metaspace.Prefix(rawValue: name) else {
            throw TokenizationError(
                "the prepend_scheme '\(name.excerpt())' is not supported", at: node.location,
                hint: "Supported: always, first, never")
        }
        return .metaspace(prefix, splits: try node.boolean("split", default: true))
    }
}

extension TokenDecoding {
    /// Reads `decoder` of a `tokenizer.json`.
    init(_ node: JSONNode?, _ spelling: TokenizerDefinition.Spelling) throws(TokenizationError) {
        guard let node else {
            self = spelling == .byteLevel ? TokenDecoding() : .sentencePiece(start: .nothing)
            return
        }
        self.init()
        isByteLevel = false
        try add(node)
    }

    private mutating func add(_ node: JSONNode) throws(TokenizationError) {
        let type = try node.required("type").text()
        switch type {
        case "ByteLevel": isByteLevel = true
        case "ByteFallback": fallsBackToBytes = true
        case "Fuse": break
        case "Replace":
            let content = Array(try node.required("content").text().utf8)
            replacements.append((try node.literal("pattern"), content))
        case "Strip":
            let content = try node.required("content").text()
            let (before, after) = (try node["start"]?.integer(), try node["stop"]?.integer())
            guard content == " ", (before ?? 0) <= 1, (after ?? 0) == 0 else {
                throw TokenizationError(
                    "Strip of anything but one space at the start is not supported",
                    at: node.location)
            }
            if before == 1 { start = .space }
        case "Metaspace":
            replacements.append((Metaspace.bytes, [0x20]))
            let older = try node.boolean("add_prefix_space", default: true) ? "always" : "never"
            if try node["prepend_scheme"]?.text() ?? older != "never" {
                start = .spacesOfFirstToken
            }
        case "Sequence":
            for part in try node.required("decoders").array() { try add(part) }
        default:
            throw TokenizationError(
                "a decoder of type '\(type.excerpt())' is not supported", at: node.location,
                hint: "Supported: ByteLevel, ByteFallback, Fuse, Metaspace, Replace, Strip and "
                    + "sequences of these")
        }
    }
}

extension JSONNode {
    /// The plain text under `key`, which is `{"String": …}`.
    fileprivate func literal(_ key: String) throws(TokenizationError) -> [UInt8] {
        let node = try required(key)
        guard let text = try node["String"]?.text(), !text.isEmpty else {
            throw TokenizationError(
                "must be a String that is not empty; a Regex is not supported here",
                at: node.location)
        }
        return Array(text.utf8)
    }
}

/// What a post-processor puts around a text.
struct TextMarks {
    var before: [Int32] = []
    var after: [Int32] = []

    /// Reads `post_processor` of a `tokenizer.json`.
    static func read(_ node: JSONNode?) throws(TokenizationError) -> TextMarks {
        guard let node else { return TextMarks() }
        let type = try node.required("type").text()
        switch type {
        case "ByteLevel": return TextMarks()
        case "TemplateProcessing": return try template(node)
        case "Sequence":
            var marks = TextMarks()
            // Each part wraps what the ones before it made.
            for part in try node.required("processors").array() {
                let outer = try read(part)
                marks = TextMarks(
                    before: outer.before + marks.before, after: marks.after + outer.after)
            }
            return marks
        default:
            throw TokenizationError(
                "a post-processor of type '\(type.excerpt())' is not supported", at: node.location,
                hint: "Supported: none, ByteLevel, TemplateProcessing and sequences of these")
        }
    }

    /// `single` lists special tokens and the text, which is `{"Sequence": …}`.
    private static func template(_ node: JSONNode) throws(TokenizationError) -> TextMarks {
        var marks = TextMarks()
        var textHasCome = false
        for piece in try node.required("single").array() {
            guard let special = piece["SpecialToken"] else {
                textHasCome = true
                continue
            }
            let name = try special.required("id").text()
            let entry = try node.required("special_tokens").required(name)
            for id in try entry.required("ids").array() {
                let token = try id.tokenID()
                if textHasCome { marks.after.append(token) } else { marks.before.append(token) }
            }
        }
        return marks
    }
}
