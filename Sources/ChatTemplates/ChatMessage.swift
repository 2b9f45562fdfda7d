public import JSON

/// One message of a conversation: the JSON object that a chat template is given.
///
/// Templates read more than role and content (tool calls, names, reasoning), so nothing is left out.
public struct ChatMessage: Sendable, Equatable {
    /// All members, in the data's order.
    public let object: JSONObject
    /// Who speaks: `system`, `user`, `assistant`, `tool`, or what else the template knows.
    public let role: String
    /// Whether the data mark the message as one that is read and not learned (`weight` 0).
    public let isContext: Bool
    /// Whether the data had no content, so that the empty one in ``object`` stands for none.
    let lacksContent: Bool

    /// The message's text; `nil` if it has none, or parts instead of a text.
    public var content: String? {
        if case .text(let text)? = object["content"] { text } else { nil }
    }

    /// A message of a role and a text.
    public init(role: String, content: String, isContext: Bool = false) {
        self.init(
            JSONObject([("role", .text(role)), ("content", .text(content))]), role: role,
            isContext: isContext)
    }

    /// A message as it stands in a file; `nil` if `role` is missing or no text.
    ///
    /// Nothing is changed; ``init(reading:)`` is for data of strangers.
    public init?(_ object: JSONObject) {
        guard case .text(let role)? = object["role"] else { return nil }
        self.init(object, role: role)
    }

    init(
        _ object: JSONObject, role: String, isContext: Bool = false, lacksContent: Bool = false
    ) {
        self.object = object
        self.role = role
        self.isContext = isContext
        self.lacksContent = lacksContent
    }

    /// The same message that is read and not learned.
    public var asContext: ChatMessage {
        ChatMessage(object, role: role, isContext: true, lacksContent: lacksContent)
    }

    /// The same message with another value of `key`, or without it.
    func with(_ key: String, _ value: JSONValue?) -> ChatMessage {
        var object = object
        if let value { object.set(key, value) } else { object.remove(key) }
        let role = key == "role" ? object["role"]?.string ?? role : role
        return ChatMessage(
            object, role: role, isContext: isContext, lacksContent: lacksContent)
    }
}
