public import JSON

/// A conversation and the further variables of a chat template that belong to it.
public struct Conversation: Sendable, Equatable {
    public var messages: [ChatMessage]
    /// By the names that templates know, such as `tools` and `enable_thinking`.
    public private(set) var variables = JSONObject([])

    public init(messages: [ChatMessage]) { self.messages = messages }

    /// Reads a list of messages; see ``ChatMessage/init(reading:)``.
    ///
    /// - Parameters:
    ///   - list: The objects.
    ///   - noun: What one of them is called: `message` or `turn`.
    /// - Throws: ``ConversationProblem`` that begins with `noun` and the number, from 0.
    public init(reading list: [JSONValue], noun: String) throws(ConversationProblem) {
        messages = []
        for (index, item) in list.enumerated() {
            guard case .object(let object) = item else {
                throw ConversationProblem(
                    "\(noun) \(index) is \(item.kindInWords), which must be an object")
            }
            do throws(ConversationProblem) {
                messages.append(try ChatMessage(reading: object))
            } catch {
                throw ConversationProblem("\(noun) \(index) \(error.reason)")
            }
        }
    }

    /// Puts a system's message before all others.
    ///
    /// - Throws: ``ConversationProblem`` if there is one already.
    public mutating func begin(
        withSystem text: String, from key: String
    ) throws(ConversationProblem) {
        guard !text.isEmpty, messages.first?.content != text else { return }
        guard messages.first.map({ $0.role != "system" && $0.role != "developer" }) ?? true else {
            throw ConversationProblem("has a '\(key)', and a system's message too")
        }
        messages.insert(ChatMessage(role: "system", content: text), at: 0)
    }

    /// Takes what stands beside the messages under `key`: `tools`, `documents` or
    /// `chat_template_kwargs`. Lists and objects may be JSON texts.
    ///
    /// - Throws: ``ConversationProblem`` naming the key.
    public mutating func take(_ key: String, _ given: JSONValue) throws(ConversationProblem) {
        guard !given.isEmpty else { return }
        var value = given.withoutNulls
        if case .text(let text) = given {
            // What is null in a text was written by somebody, and not filled in by a table.
            guard let parsed = JSONValue(text: text) else {
                throw ConversationProblem("has a text that is no JSON as '\(key)'")
            }
            value = parsed
        }
        guard !value.isEmpty else { return }
        guard !value.isInexact else {
            throw ConversationProblem(
                "has a number of more digits than can be kept in '\(key)'; write it as a string")
        }
        if key == "chat_template_kwargs" {
            guard case .object(let members) = value else {
                throw ConversationProblem("has \(value.kindInWords) as '\(key)', not an object")
            }
            for name in members.keys where members[name]?.isEmpty == false {
                try set(name, members[name] ?? .null, from: "\(key) '\(name)'")
            }
            return
        }
        if case .object = value { value = .array([value]) }
        guard case .array(let items) = value else {
            throw ConversationProblem("has \(value.kindInWords) as '\(key)', not a list")
        }
        var objects: [JSONValue] = []
        for item in items {
            // A column of texts, each of which is one tool.
            let object = item.string.flatMap(JSONValue.init(text:)) ?? item
            guard object.members != nil || key == "documents" else {
                throw ConversationProblem("has \(item.kindInWords) as an item of '\(key)'")
            }
            objects.append(object)
        }
        try set(key, .array(objects), from: "'\(key)'")
    }

    /// Names that are not for data to set.
    private static let reserved: Set<String> = [
        "messages", "add_generation_prompt", "continue_final_message", "bos_token", "eos_token",
        "chat_template", "tokenize", "return_dict", "return_tensors",
        "return_assistant_tokens_mask", "padding", "truncation", "max_length",
    ]

    /// Whether a variable of this name is decided by the program and not by who gives variables.
    public static func isReserved(_ name: String) -> Bool { reserved.contains(name) }

    /// Sets a variable of the template.
    ///
    /// - Parameter place: Where it stands, for a message.
    /// - Throws: ``ConversationProblem`` if the name is one of transformers' own, or set already.
    public mutating func set(
        _ name: String, _ value: JSONValue, from place: String
    ) throws(ConversationProblem) {
        guard !Self.isReserved(name) else {
            throw ConversationProblem("has \(place), which is not for data to set")
        }
        guard variables[name] == nil || variables[name] == value else {
            throw ConversationProblem("has \(place) twice, with two values")
        }
        variables.set(name, value)
    }

    /// The same with variables of all conversations beside its own, which go first.
    public func with(defaults: JSONObject) -> Conversation {
        var conversation = self
        for name in defaults.keys where variables[name] == nil {
            conversation.variables.set(name, defaults[name] ?? .null)
        }
        return conversation
    }
}
