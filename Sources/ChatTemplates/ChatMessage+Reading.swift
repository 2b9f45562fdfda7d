public import JSON
import Words

/// Why a conversation of a data file cannot be used; where it stands is for the caller to say.
public struct ConversationProblem: Error {
    /// What is wrong, behind the words "message 3".
    public let reason: String

    init(_ reason: String) { self.reason = reason }
}

/// Messages as the data of other programs have them.
///
/// Sources: the data formats of OpenAI's fine-tuning, TRL, axolotl, LLaMA-Factory and ms-swift.
extension ChatMessage {
    /// A message in any of the shapes that are in use.
    ///
    /// Speaker and text stand under `role` and `content`, or `from` and `value`; names of speakers in
    /// any case, and those of other programs, become those of chat templates. A content in parts
    /// becomes the texts of its parts. A member that is null counts as absent, at any depth: tables
    /// give every row all keys. `weight`, `train` and their like say whether an answer is learned.
    ///
    /// - Throws: ``ConversationProblem`` naming the member that cannot be used.
    public init(reading given: JSONObject) throws(ConversationProblem) {
        let members = given.withoutNulls
        guard !JSONValue.object(members).isInexact else {
            throw ConversationProblem(
                "has a number of more digits than can be kept; write it as a string")
        }
        let role = try Self.role(members)
        let calls = try Self.calls(members)
        let content = try Self.content(members, role: role)
        let isContext = try Self.isContext(members, role: role)
        var object = JSONObject([])
        for key in members.keys where Self.marks[key] == nil {
            guard let value = members[key] else { continue }
            switch key {
            case "role", "from": object.set("role", .text(role))
            case "content", "value": object.set("content", content ?? .text(""))
            case "tool_calls": if let calls { object.set(key, calls) }
            default: object.set(key, value)
            }
        }
        if content == nil {
            guard calls != nil || Self.thoughts.contains(where: { object[$0] != nil }) else {
                throw ConversationProblem(
                    "(\(role)) has no content"
                        + (given["content"] ?? given["value"] ?? .text("")
                            == .null ? ": it is null" : ""))
            }
            object.set("content", .text(""))
        }
        self.init(object, role: role, isContext: isContext, lacksContent: content == nil)
    }

    /// Names of other programs for those who speak, in small letters.
    private static let roles = [
        "human": "user", "user": "user", "gpt": "assistant", "chatgpt": "assistant",
        "assistant": "assistant", "bot": "assistant", "model": "assistant", "ai": "assistant",
        "bing": "assistant", "bard": "assistant",
        "system": "system", "developer": "developer", "tool": "tool",
    ]
    /// What `from` may say besides.
    private static let speakers = [
        "observation": "tool", "tool_response": "tool", "function_response": "tool",
    ]
    /// Members that hold an answer's thoughts.
    static let thoughts = ["reasoning_content", "reasoning", "thinking"]

    private static func role(_ members: JSONObject) throws(ConversationProblem) -> String {
        if let role = members["role"], let from = members["from"], role != from {
            throw ConversationProblem("has a 'role' and another 'from'")
        }
        guard let key = ["role", "from"].first(where: { members[$0] != nil }),
            case .text(let name)? = members[key]
        else { throw ConversationProblem("has no 'role' or 'from' that is a string") }
        let plain = name.lowercased().stripped(\.isPythonSpace)
        if let known = roles[plain] { return known }
        guard key == "from" else { return name }
        if let known = speakers[plain] { return known }
        let hint =
            plain == "function_call"
            ? "a call is written as a message with 'tool_calls'"
            : "known are "
                + (Array(roles.keys) + Array(speakers.keys)).sorted().joined(separator: ", ")
        throw ConversationProblem(
            "is from \(name.quoted), which is not a known speaker; \(hint)")
    }

    // MARK: Content

    /// - Returns: `nil` if there is none.
    private static func content(
        _ members: JSONObject, role: String
    ) throws(ConversationProblem) -> JSONValue? {
        let (content, value) = (members["content"], members["value"])
        if let content, let value, content != value {
            throw ConversationProblem("(\(role)) has a 'content' and another 'value'")
        }
        // Results of tools are what the tool gave; templates write them as JSON.
        let isSpoken = ["system", "developer", "user", "assistant"].contains(role)
        switch content ?? value {
        case nil: return nil
        case .text(let text)?: return .text(text)
        case .array(let parts)?:
            do throws(ConversationProblem) {
                return .text(try joined(parts, role: role))
            } catch {
                guard !isSpoken, !parts.contains(where: \.isMedium) else { throw error }
                return .array(parts)
            }
        case let other?:
            guard !isSpoken else {
                throw ConversationProblem(
                    "(\(role)) has \(other.kindInWords) as content, which must be a string")
            }
            return other
        }
    }

    private static func joined(
        _ parts: [JSONValue], role: String
    ) throws(ConversationProblem) -> String {
        var text = ""
        for part in parts {
            if case .text(let piece) = part {
                text += piece
            } else if case .object(let members) = part,
                !members.keys.contains(where: { marks[$0] != nil }),
                ["text", "input_text", "output_text"].contains(part.typeOfPart ?? "text"),
                members["text"] != nil || members["type"] != nil,
                case .text(let piece) = members["text"] ?? .text("")
            {
                text += piece
            } else {
                if let mark = part.members?.keys.first(where: { marks[$0] != nil }) {
                    throw ConversationProblem(
                        "(\(role)) has a part of its content with a '\(mark)'; a message is learned "
                            + "as a whole or not")
                }
                throw ConversationProblem(
                    "(\(role)) has a part of its content that is no text ("
                        + (part.typeOfPart.map(\.quoted) ?? part.kindInWords)
                        + "); only text can be learned")
            }
        }
        return text
    }

    /// Calls of tools; `nil` if there are none.
    private static func calls(_ members: JSONObject) throws(ConversationProblem) -> JSONValue? {
        guard var calls = members["tool_calls"], !calls.isEmpty else { return nil }
        if case .text(let text) = calls {
            guard let parsed = JSONValue(text: text) else {
                throw ConversationProblem("has a text that is no JSON as 'tool_calls'")
            }
            calls = parsed
        }
        guard case .array(let list) = calls, list.allSatisfy({ $0.members != nil }) else {
            throw ConversationProblem("has no list of objects as 'tool_calls'")
        }
        return list.isEmpty ? nil : calls
    }

    // MARK: Marks

    private enum Mark {
        /// True or 1 where the message is learned.
        case learned
        /// True or 1 where it is not.
        case context
        /// Says more than yes and no.
        case unusable
    }

    /// Members that say whether a message is learned.
    private static let marks: [String: Mark] = [
        "weight": .learned, "train": .learned, "training": .learned, "trainable": .learned,
        "loss": .learned, "masked": .context, "train_detail": .unusable,
        "training_detail": .unusable, "loss_weight": .unusable, "loss_scale": .unusable,
        "loss_mask": .unusable,
    ]

    private static func isContext(
        _ members: JSONObject, role: String
    ) throws(ConversationProblem) -> Bool {
        var learned: Bool?
        for key in members.keys {
            guard let mark = marks[key], let value = members[key] else { continue }
            guard mark != .unusable, let flag = value.flag else {
                throw ConversationProblem(
                    "(\(role)) has a '\(key)' that cannot be used: a message is learned (1, true) or "
                        + "not (0, false)")
            }
            let isLearned = flag == (mark == .learned)
            guard learned == nil || learned == isLearned else {
                throw ConversationProblem(
                    "(\(role)) is marked both to be learned and not, by '\(key)'")
            }
            learned = isLearned
        }
        // A weight of 1 for everybody says nothing; to train on a user is another thing.
        if role != "assistant", learned == true,
            let key = members.keys.first(where: { marks[$0] == .learned && $0 != "weight" })
        {
            throw ConversationProblem(
                "(\(role)) is marked to be learned by '\(key)', and only the assistant's messages "
                    + "can be")
        }
        return learned == false
    }
}

extension JSONValue {
    fileprivate var typeOfPart: String? { members?["type"]?.string }

    /// Whether it is a part of a content that holds an image or a sound.
    fileprivate var isMedium: Bool {
        guard let type = typeOfPart else { return false }
        return ["image", "audio", "video", "file"].contains { type.contains($0) }
    }
}
