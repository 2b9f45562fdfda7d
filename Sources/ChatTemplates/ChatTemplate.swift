public import JSON

/// A conversation as the text that a model reads.
public struct RenderedChat: Sendable, Equatable {
    public let text: String
    /// UTF-8 byte ranges of `text` inside `{% generation %}` blocks, ascending; empty if the
    /// template has none.
    public let generated: [Range<Int>]
}

/// A model's chat template: a Jinja text that turns a conversation into what the model reads.
///
/// What transformers' Jinja environment does with it is done here, to the byte: `trim_blocks` and
/// `lstrip_blocks` are on, nothing can be changed but namespaces, `tojson` is Python's `json.dumps`.
/// Templates are programs of strangers: they reach only what they are given, and the steps, texts
/// and recursion of a rendering are bounded.
public struct ChatTemplate: Sendable {
    /// The file it came from, or file and key; for messages.
    public let name: String
    /// The Jinja text.
    public let source: String
    /// Whether the template marks what a model generates by `{% generation %}` blocks.
    public let marksGeneration: Bool
    /// Whether the template asks for today's date, so that the text may differ tomorrow.
    public let asksForTheDate: Bool
    private let statements: [TemplateStatement]
    /// Tokens by role, such as `pad_token`, beside the begin and the end token.
    var specialTokens: [String: String] = [:]
    /// Names, attributes and texts in the template's tags.
    private let words: Set<String>

    /// A longer source is no chat template.
    private static let longestSource = 4 << 20

    /// Parses a template.
    ///
    /// - Throws: ``ChatTemplateError`` with the line, if it is no Jinja or needs a construct that is
    ///   not supported.
    public init(source: String, name: String) throws(ChatTemplateError) {
        guard source.utf8.count <= Self.longestSource else {
            throw ChatTemplateError(
                "has \(source.utf8.count) bytes; at most \(Self.longestSource) are read",
                template: name)
        }
        var lexer = TemplateLexer(source: source, template: name)
        let tokens = try lexer.allTokens()
        var parser = TemplateParser(tokens: tokens, template: name)
        statements = try parser.wholeTemplate()
        self.name = name
        self.source = source
        marksGeneration = parser.marksGeneration
        asksForTheDate = parser.namesRead.contains("strftime_now")
        words = Set(
            tokens.compactMap { token in
                switch token.kind {
                case .name(let word), .text(let word): word
                default: nil
                }
            })
    }

    /// Whether the template has this word in a tag: one that has not can read neither a variable nor
    /// a member of that name.
    public func mentions(_ word: String) -> Bool { words.contains(word) }

    /// The text of a conversation.
    ///
    /// - Parameters:
    ///   - messages: The conversation.
    ///   - addGenerationPrompt: Whether the beginning of an assistant's turn follows.
    ///   - bosToken: The model's begin-of-text token, as text; empty if it has none.
    ///   - eosToken: The end token.
    ///   - extra: Further variables, such as `tools` or `enable_thinking`.
    ///   - date: The day that the template is told if it asks; `nil` for the clock.
    /// - Throws: ``ChatTemplateError`` with the line: what the template itself raises, a construct
    ///   that is not supported, or a bound that a hostile template crosses.
    public func render(
        _ messages: [ChatMessage], addGenerationPrompt: Bool, bosToken: String, eosToken: String,
        extra: JSONObject = JSONObject([]), date: TemplateDate? = nil
    ) throws(ChatTemplateError) -> RenderedChat {
        var values = [
            "messages": TemplateValue.list(messages.map { TemplateValue($0.object) }),
            "add_generation_prompt": .boolean(addGenerationPrompt),
            // transformers passes these whether there are any or not.
            "tools": .none, "documents": .none,
        ]
        for (role, token) in specialTokens { values[role] = .text(token) }
        // A token that a model lacks is undefined there, not empty.
        if !bosToken.isEmpty { values["bos_token"] = .text(bosToken) }
        if !eosToken.isEmpty { values["eos_token"] = .text(eosToken) }
        for key in extra.keys { values[key] = TemplateValue(extra[key] ?? .null) }
        return try render(values, date: date)
    }

    /// The text that the template makes of these variables.
    func render(
        _ values: [String: TemplateValue], date: TemplateDate? = nil
    ) throws(ChatTemplateError) -> RenderedChat {
        let globals = Dictionary(
            uniqueKeysWithValues: Rendering.functions.map { ($0, TemplateValue.function($0)) })
        let rendering = Rendering(
            template: name, date: date, values: globals.merging(values) { _, given in given })
        try rendering.run(statements)
        return RenderedChat(text: rendering.output, generated: rendering.generated)
    }
}
