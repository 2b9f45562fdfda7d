import Testing
import Tokenization

/// Patterns as PEFT's files have them, with what Python's `re.fullmatch` says of them.
@Suite struct PythonExpressionTests {
    private static let path = "model.layers.3.self_attn.q_proj"

    @Test(arguments: [
        (#".*\.q_proj"#, true),
        // The whole path, not a part of it.
        ("q_proj", false), (#"model\.layers\.3"#, false), (#".*\.(q|v)_pro"#, false),
        (#"(?P<stem>model\.layers)\.\d+\.self_attn\.(?P<kind>[qv])_proj"#, true),
        (#"(?P<a>model)\.(?P=a).*"#, false), (#".*(?P<letter>l)(?P=letter).*"#, false),
        (#"(?!.*vision).*\.(?:q|k)_proj"#, true), (#"(?!model).*"#, false),
        (#".*(?<=self_attn\.)q_proj"#, true), (#".*(?<!self_attn\.)q_proj"#, false),
        (#"model\.layers\.([0-2]|3)\..*"#, true), (#"model\.layers\.[^0-2]\..*proj$"#, true),
        // Alternatives are tried until the whole matches.
        (#"model|model\..*"#, true), (#"(model|model\.layers)\.3.*"#, true),
        ("(?i)MODEL.*Q_PROJ", true), ("(?i:MODEL).*Q_PROJ", false),
        (#"\Amodel.*proj\Z"#, true), (#"model.{,40}"#, true), (#"model.{,5}"#, false),
        (#"[]m]odel.*"#, true), (#"[^]n]odel.*"#, true), ("", false), (".*?", true),
    ])
    func matchesAsFullmatch(_ pattern: String, _ expected: Bool) throws {
        let expression = try PythonExpression(pattern, at: "a.json")
        #expect(try expression.matchesWhole(Self.path) == expected)
    }

    @Test(arguments: [
        ("(", "cannot be compiled"), (#"a\"#, "'\\' at its end"), (#"\Qa.b\E"#, "\\Q"),
        (#"a\K.*"#, "\\K"), ("[[:alpha:]]", "[: in a character class"),
    ])
    func refusesByName(_ pattern: String, _ part: String) {
        #expect {
            try PythonExpression(pattern, at: "a.json")
        } throws: { error in
            "\(error)".hasPrefix("a.json: ") && "\(error)".contains(part)
        }
    }

    /// Nested repetition ends with an error and not with the age of the universe.
    @Test func givesUp() throws {
        let expression = try PythonExpression("(a+)+[bc]", at: "a.json")
        #expect(throws: TokenizationError.self) {
            try expression.matchesWhole(String(repeating: "a", count: 64))
        }
    }
}
