public import Faults

/// A template that cannot be used, or that refuses a conversation.
public struct ChatTemplateError: Fault {
    public let problem: String
    public let location: String?
    public let hint: String?

    /// - Parameters:
    ///   - problem: What is wrong, with the construct's name.
    ///   - template: The template's name: its file, or its file and key.
    ///   - line: The line in the template, from 1.
    ///   - hint: What to do about it.
    init(_ problem: String, template: String, line: Int? = nil, hint: String? = nil) {
        self.problem = problem
        location = line.map { "\(template), line \($0)" } ?? template
        self.hint = hint
    }
}
