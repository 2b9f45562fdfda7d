public import ModelFiles

/// One message of a conversation: the JSON object as the data have it.
///
/// Templates read more than role and content (tool calls, names, reasoning), so nothing is left out.
public struct ChatMessage: Sendable, Equatable {
    /// All members, in the data's order.
    public let object: JSONObject
    /// Who speaks: `system`, `user`, `assistant`, `tool`, or what else the template knows.
    public let role: String

    /// The message's text; `nil` if it has none, or parts instead of a text.
    public var content: String? {
        if case .text(let text)? = object["content"] { text } else { nil }
    }

    /// A message of a role and a text.
    public init(role: String, content: String) {
        self.role = role
        object = JSONObject([("role", .text(role)), ("content", .text(content))])
    }

    /// A message as it stands in a file; `nil` if `role` is missing or no text.
    public init?(_ object: JSONObject) {
        guard case .text(let role)? = object["role"] else { return nil }
        self.role = role
        self.object = object
    }
}
