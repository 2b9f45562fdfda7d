import Faults
import JSON
import ModelFiles
import RunSettings
import Testing

/// What `--template-set` gives is what a template gets, or it is refused.
@Suite struct TemplateVariablesTests {
    private func refusal(_ text: String) -> String {
        let error = #expect(throws: ConfigurationError.self) {
            try TemplateVariables(text, flag: "--template-set")
        }
        return error?.description ?? ""
    }

    @Test(
        arguments: [
            ("a=false", .boolean(false)), ("a=True", .boolean(true)), ("a=False", .boolean(false)),
            ("a=None", .null), ("a=null", .null), ("a=3", .integer(3)), (" a = low ", .text("low")),
            ("a=", .text("")), ("a=b=c", .text("b=c")), (#"a="3""#, .text("3")),
            (#"a="off""#, .text("off")), (#"a="x, y=1""#, .text("x, y=1")),
            (#"a="say \"x, y\"""#, .text(#"say "x, y""#)),
            (#"a=["b", "c"]"#, .array([.text("b"), .text("c")])),
            (#"a=[[1, 2], 3]"#, .array([.array([.integer(1), .integer(2)]), .integer(3)])),
        ] as [(String, JSONValue)])
    func valuesAreJSONOrPythonsOrTexts(_ text: String, _ value: JSONValue) throws {
        let variables = try TemplateVariables(text, flag: "--template-set")
        #expect(variables.values["a"] == value)
        #expect(variables.values.keys == ["a"])
        #expect(variables.text == text)
    }

    @Test func severalStandBetweenCommas() throws {
        let text = #"enable_thinking=false,date="26 Jul, 2024",k={"x": [1, 2], "y": "}"},_n1=7"#
        let values = try TemplateVariables(text, flag: "--template-set").values
        #expect(values.keys == ["enable_thinking", "date", "k", "_n1"])
        #expect(values["date"] == .text("26 Jul, 2024"))
        let list = JSONValue.array([.integer(1), .integer(2)])
        #expect(values["k"] == .object(JSONObject([("x", list), ("y", .text("}"))])))
        #expect(values["_n1"] == .integer(7))
    }

    @Test func nothingIsNothing() throws {
        #expect(try TemplateVariables("", flag: "--template-set").values.keys.isEmpty)
    }

    @Test(arguments: ["off", "On", "yes", "NO", "TRUE", "none", "NULL"])
    func wordsThatCouldMeanTwoThingsAreRefused(_ word: String) {
        #expect(refusal("a=\(word)").contains("gives a the value '\(word)', which could mean two"))
    }

    @Test(arguments: ["a", "=1", "1a=1", "a-b=1", "a b=1", "ä=1", "a=1,", "a=1,,b=2", ","])
    func whatIsNoNameAndValueIsRefused(_ text: String) {
        #expect(refusal(text).contains("it must be a name and a value"))
    }

    @Test func oneNameTwiceIsRefused() {
        #expect(refusal("a=1,b=2,a=1").contains("sets a twice"))
    }

    /// The same names that data may not set.
    @Test(arguments: [
        "messages", "add_generation_prompt", "continue_final_message", "bos_token", "eos_token",
        "chat_template", "tokenize", "return_dict", "return_tensors",
        "return_assistant_tokens_mask", "padding", "truncation", "max_length",
    ])
    func namesThatAreNotForSettingAreRefused(_ name: String) {
        #expect(refusal("a=1,\(name)=true").contains("--template-set: sets \(name), which"))
    }
}
