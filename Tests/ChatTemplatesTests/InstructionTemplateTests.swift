import ChatTemplates
import Faults
import Foundation
import Testing

/// What each template makes of an instruction; the expected texts are written out by hand from the
/// sources that the templates name.
@Suite struct InstructionTemplateTests {
    private static let withInput = """
        Below is an instruction that describes a task, paired with an input that provides further \
        context. Write a response that appropriately completes the request.

        ### Instruction:
        I

        ### Input:
        X

        ### Response:
        """
    private static let withoutInput = """
        Below is an instruction that describes a task. Write a response that appropriately \
        completes the request.

        ### Instruction:
        I

        ### Response:
        """

    @Test(arguments: [
        ("alpaca", withInput + "\n", withoutInput + "\n", ""),
        ("alpaca-no-newline", withInput, withoutInput, ""),
        ("gpt4all", "I\nX\n", "I\n", ""),
        (
            "chatml", "<|im_start|>user\nI\nX<|im_end|>\n<|im_start|>assistant\n",
            "<|im_start|>user\nI<|im_end|>\n<|im_start|>assistant\n", "<|im_end|>"
        ),
        ("plain", "I\nX", "I", ""),
    ])
    func builtInTemplates(
        _ name: String, _ withInput: String, _ withoutInput: String, _ end: String
    ) throws {
        let template = try InstructionTemplate(nameOrFile: name)
        #expect(try template.prompt(instruction: "I", input: "X") == withInput)
        #expect(try template.prompt(instruction: "I") == withoutInput)
        #expect(template.endOfResponse == end)
        #expect(template.name == name && template.identity == name)
    }

    @Test func theNamesAreOneEach() {
        #expect(Set(InstructionTemplate.builtIn.map(\.name)).count == 5)
        #expect(InstructionTemplate.builtIn.first == .alpaca)
        #expect(InstructionTemplate.alpaca != .alpacaWithoutNewline)
    }

    @Test func aFileOfTheUserIsRendered() throws {
        let path = FileManager.default.temporaryDirectory
            .appendingPathComponent("template-\(UUID().uuidString).jinja").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        let source =
            "Q: {{ instruction }}{% if input %} ({{ input }}){% endif %} [{{ prompt }}]\nA:\n"
        try Data(source.utf8).write(to: URL(fileURLWithPath: path))
        let template = try InstructionTemplate(nameOrFile: path)
        #expect(try template.prompt(instruction: "I", input: "X") == "Q: I (X) [I\nX]\nA:")
        #expect(try template.prompt(instruction: "I") == "Q: I [I]\nA:")
        // The same text under another name makes the same prompts.
        #expect(try template == InstructionTemplate(source: source, name: "other"))
    }

    @Test(arguments: [
        ("{{ instructions }}", "does not appear"), ("Q:", "does not appear"),
        ("{{ instruction", "does not end"), ("\n{{ instruction | nosuch }}", "line 2"),
        ("{% for x in range(9999) %}{% for y in range(9999) %}{% endfor %}{% endfor %}", "steps"),
    ])
    func aTemplateThatCannotWorkIsRefusedAtOnce(_ source: String, _ expected: String) {
        let error = #expect(throws: ChatTemplateError.self) {
            try InstructionTemplate(source: source, name: "mine.jinja")
        }
        #expect(error?.description.contains(expected) == true, "\(String(describing: error))")
        #expect(error?.location?.hasPrefix("mine.jinja") == true)
    }

    @Test func aNameThatIsNothingIsRefusedWithTheNamesThatAre() {
        let error = #expect(throws: ChatTemplateError.self) {
            try InstructionTemplate(nameOrFile: "alpacca")
        }
        #expect(error?.hint?.contains("alpaca, alpaca-no-newline, gpt4all, chatml, plain") == true)
    }
}
