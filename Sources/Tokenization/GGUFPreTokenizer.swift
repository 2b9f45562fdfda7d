/// What a name in `tokenizer.ggml.pre` stands for.
///
/// Source: llama.cpp `llama-vocab.cpp` (names, order of expressions, what they switch on), with
/// the expressions as the models' own `tokenizer.json` has them where llama.cpp adapts them to its
/// matcher.
struct GGUFPreTokenizer {
    /// Each cuts what the one before has left, matches and what lies between them.
    var expressions: [String]
    var ignoresMerges = false
    /// What a missing `add_bos_token` means.
    var beginsText = false
    /// Tokens are text with `▁` for the space, not bytes.
    var isText = false

    static func named(_ name: String) -> GGUFPreTokenizer? {
        table.first { $0.names.contains(name) }?.value
    }

    static var names: [String] { table.flatMap(\.names).sorted() }

    /// For files of before `tokenizer.ggml.pre`: what llama.cpp takes then.
    static let absent = GGUFPreTokenizer(expressions: [
        #"[\p{P}\$\+<=>\^~\|]+"#, SplitPattern.gpt2Expression, #"\p{N}+"#, "[0-9][0-9][0-9]",
    ])

    /// The stages of pre-tokenization, as ``PreTokenizer`` has them.
    func stages(at location: String) throws(TokenizationError) -> [PreTokenizer.Stage] {
        var stages: [PreTokenizer.Stage] = []
        for expression in expressions {
            if let known = SplitPattern(expression: expression) {
                stages.append(.pattern(known))
            } else if expression == Self.digit {
                stages.append(.digits)
            } else {
                let expression = try SplitExpression(expression, at: location)
                stages.append(.split(.expression(expression), .isolated, isInverted: false))
            }
        }
        return stages
    }

    // MARK: The table

    private static let digit = #"\p{N}"#
    private static let upToThreeDigits = #"\p{N}{1,3}"#
    private static let lines = #"[^\n]+|[\n]+"#
    private static let contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
    private static let endings =
        #"|\s*[\r\n]+|\s+(?!\S)|\s+"#

    /// Words that may change once from capitals to small letters; `tail` follows each.
    private static func casedWords(tail: String, numbers: String) -> String {
        let before = #"[^\r\n\p{L}\p{N}]?"#
        let capitals = #"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"#
        let small = #"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"#
        return
            "\(before)\(capitals)*\(small)+\(tail)|\(before)\(capitals)+\(small)*\(tail)|\(numbers)"
            + #"| ?[^\s\p{L}\p{N}]+[\r\n/]*"# + endings
    }

    private static let deepSeekLetters =
        "A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗ"
        + #"ὙὛὝὟ-\x{1f7d}ᾀ-ᾴᾶ-ᾼ\x{1fbe}ῂ-ῄῆ-ῌῐ-\x{1fd3}ῖ-\x{1fdb}ῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤ\x{2126}ℨ\x{212a}-ℭℯ-ℴℹℼ-ℿ"#
        + "ⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃"

    private static let deepSeek3 = GGUFPreTokenizer(expressions: [
        upToThreeDigits, "[一-龥\u{3040}-ゟ゠-ヿ]+",
        ##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"##
            + #"| ?[\p{P}\p{S}]+[\r\n]*"# + endings,
    ])
    private static let gpt4o = casedWords(tail: contractions + "?", numbers: upToThreeDigits)
    private static let bloom = #" ?[^(\s|.,!?…。，、।۔،)]+"#

    private static let table: [(names: [String], value: GGUFPreTokenizer)] = [
        (
            [
                "gpt-2", "gpt2", "phi-2", "gigachat", "a.x-4.0", "mellum", "mpt", "olmo", "jais",
                "trillion", "granite-docling", "exaone4",
            ], GGUFPreTokenizer(expressions: [SplitPattern.gpt2Expression])
        ),
        (
            ["llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "lfm2"],
            GGUFPreTokenizer(
                expressions: [SplitPattern.llama3Expression], ignoresMerges: true,
                beginsText: true)
        ),
        (
            ["dbrx", "smaug-bpe", "chatglm-bpe"],
            GGUFPreTokenizer(expressions: [SplitPattern.llama3Expression])
        ),
        (
            ["glm4"],
            GGUFPreTokenizer(expressions: [SplitPattern.llama3Expression], ignoresMerges: true)
        ),
        (
            ["qwen2", "deepseek-r1-qwen", "megrez", "stablelm2", "hunyuan", "grok-2"],
            GGUFPreTokenizer(expressions: [SplitPattern.qwen2Expression])
        ),
        (
            ["qwen35"],
            GGUFPreTokenizer(expressions: [
                contractions + #"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}"#
                    + #"| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*"# + endings
            ])
        ),
        (
            [
                "smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b",
                "mellum2",
            ], GGUFPreTokenizer(expressions: [digit, SplitPattern.gpt2Expression])
        ),
        (
            ["tekken"],
            GGUFPreTokenizer(
                expressions: [casedWords(tail: "", numbers: digit)], ignoresMerges: true,
                beginsText: true)
        ),
        (["gpt-4o", "llama4", "kanana2", "minimax-m2"], GGUFPreTokenizer(expressions: [gpt4o])),
        (
            ["falcon"],
            GGUFPreTokenizer(expressions: [
                #"[\p{P}\$\+<=>\^~\|`]+"#, SplitPattern.gpt2Expression, "[0-9][0-9][0-9]",
            ])
        ),
        (
            ["deepseek-llm"],
            GGUFPreTokenizer(expressions: [
                #"[\r\n]"#, #"\s?["# + deepSeekLetters + "]+",
                #"\s?[!-/:-~！-／：-～‘-‟\x{3000}-。]+"#, #"\s+$"#, #"[一-龥ࠀ-一가-\x{d7ff}]+"#,
                #"\p{N}+"#,
            ])
        ),
        (
            ["deepseek-coder"],
            GGUFPreTokenizer(expressions: [
                #"[\r\n]"#, #"\s?\p{L}+"#, #"\s?\p{P}+"#, #"[一-龥ࠀ-一가-\x{d7ff}]+"#, digit,
            ])
        ),
        (["deepseek-v3", "hunyuan-dense", "joyai-llm"], deepSeek3),
        (["bloom", "poro-chat", "gpt3-finnish"], GGUFPreTokenizer(expressions: [bloom])),
        (["viking"], GGUFPreTokenizer(expressions: [bloom, digit])),
        (
            ["bailingmoe", "bailingmoe2", "llada-moe"],
            GGUFPreTokenizer(expressions: [
                #"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}"#
                    + #"| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"#
            ])
        ),
        (
            ["seed-coder"],
            GGUFPreTokenizer(expressions: [
                contractions + #"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+"#
                    + endings
            ])
        ),
        (["gemma4"], GGUFPreTokenizer(expressions: [lines], isText: true)),
        (["default"], absent),
    ]
}
