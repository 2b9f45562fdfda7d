import ChatTemplates
import JSON

/// Conversations, and what stands beside them in a record.
///
/// Sources: the formats of OpenAI's fine-tuning, TRL, axolotl and LLaMA-Factory.
extension Record {
    /// Keys that only a chat template can make something of.
    static let keysOfConversations = systemKeys + ["history"] + variableKeys

    private static let systemKeys = ["system", "system_prompt"]
    private static let variableKeys = ["tools", "documents", "chat_template_kwargs"]

    static let weightKey = "weight"

    /// Keys whose values would make another thing of the record, and why they are not taken.
    private static let refused: [(keys: [String], reason: String)] = [
        (
            ["images", "image", "videos", "video", "audios", "audio"],
            "only text can be learned"
        ),
        (["functions"], "definitions of tools stand under 'tools'"),
        (["kto_tag"], "data of preferences are not learned from"),
        (["loss_mask"], "messages are marked one by one, with 'weight' or 'train'"),
    ]

    /// - Throws: ``BadRecord`` naming the key.
    func refuseWhatCannotBeUsed() throws(BadRecord) {
        for (keys, reason) in Self.refused {
            if let key = keys.first(where: { self[$0].map { !$0.isEmpty } ?? false }) {
                throw BadRecord("has a '\(key)', which cannot be used: \(reason)")
            }
        }
        // Marks of good and bad answers: a bad one must not be taught.
        if case .boolean? = self["label"] {
            throw BadRecord("has a boolean 'label': data of preferences are not learned from")
        }
    }

    /// - Throws: ``BadRecord`` naming the key, for records that an instruction template renders.
    func refuseKeysOfConversations() throws(BadRecord) {
        if let key = Self.keysOfConversations.first(where: { self[$0].map { !$0.isEmpty } ?? false }
        ) {
            throw BadRecord(
                "has a '\(key)', which an instruction template has no place for; the model's chat "
                    + "template has (--template chat)")
        }
    }

    /// Whether the record says that it counts for nothing.
    ///
    /// - Throws: ``BadRecord`` for weights other than 0 and 1.
    var isLeftOut: Bool {
        get throws(BadRecord) {
            guard let weight = self[Self.weightKey], weight != .null else { return false }
            guard let flag = weight.flag else {
                throw BadRecord(
                    "has a 'weight' that cannot be used: a record counts (1) or not (0); files are "
                        + "weighted with --data FILE=WEIGHT")
            }
            return !flag
        }
    }

    /// The conversation under `key`.
    func conversation(_ key: String, noun: String) throws(BadRecord) -> Conversation {
        var conversation = try messages(key, noun: noun)
        if let history = self["history"], !history.isEmpty {
            throw BadRecord("has a 'history' beside '\(key)'; put its turns into '\(key)'")
        }
        try completed(&conversation)
        return conversation
    }

    /// A question and its answer as a conversation, with the turns before them.
    ///
    /// What is asked and answered is a text, or a list of messages; of lists, only the answer's
    /// messages are learned, as in TRL. Answers of `history` are learned, as in LLaMA-Factory.
    func conversation(
        asking instruction: String, about input: String?, answer: String
    ) throws(BadRecord) -> Conversation {
        var asked = try earlierTurns()
        if isList(instruction) {
            asked += try messages(instruction, noun: "'\(instruction)': message").messages.map {
                $0.role == "assistant" ? $0.asContext : $0
            }
        } else {
            let about =
                try input.map { (key) throws(BadRecord) in try optionalText(key) ?? "" } ?? ""
            let text = try text(instruction)
            asked.append(
                ChatMessage(role: "user", content: about.isEmpty ? text : text + "\n" + about))
        }
        let answers =
            isList(answer)
            ? try messages(answer, noun: "'\(answer)': message").messages
            : [ChatMessage(role: "assistant", content: try text(answer))]
        var conversation = Conversation(messages: asked + answers)
        try completed(&conversation)
        return conversation
    }

    private func messages(_ key: String, noun: String) throws(BadRecord) -> Conversation {
        let list = try list(key)
        do throws(ConversationProblem) {
            return try Conversation(reading: list, noun: noun)
        } catch {
            throw BadRecord(error.reason)
        }
    }

    /// Adds what stands beside the messages.
    private func completed(_ conversation: inout Conversation) throws(BadRecord) {
        do throws(ConversationProblem) {
            for key in Self.variableKeys {
                if let value = self[key] { try conversation.take(key, value) }
            }
        } catch {
            throw BadRecord(error.reason)
        }
        for key in Self.systemKeys {
            guard let text = try optionalText(key) else { continue }
            do throws(ConversationProblem) {
                try conversation.begin(withSystem: text, from: key)
            } catch {
                throw BadRecord(error.reason)
            }
        }
    }

    /// The pairs of texts under `history`.
    private func earlierTurns() throws(BadRecord) -> [ChatMessage] {
        guard let history = self["history"], !history.isEmpty else { return [] }
        guard case .array(let pairs) = history else {
            throw BadRecord("has \(history.kindInWords) as 'history', which must be an array")
        }
        var messages: [ChatMessage] = []
        for (index, pair) in pairs.enumerated() {
            guard case .array(let texts) = pair, texts.count == 2,
                case .text(let asked) = texts[0], case .text(let answered) = texts[1]
            else {
                throw BadRecord(
                    "has an item \(index) of 'history' that is not two texts, a question and its "
                        + "answer")
            }
            messages.append(ChatMessage(role: "user", content: asked))
            messages.append(ChatMessage(role: "assistant", content: answered))
        }
        return messages
    }
}
