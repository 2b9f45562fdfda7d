import JSON

/// Every message must leave its trace in the text: a template that passes over some, or a part of
/// one, would make others of the data.
extension TurnFinder {
    /// Where the contents stand, if the template writes them as they are.
    ///
    /// - Throws: ``ChatTemplateError`` naming a message that leaves no trace in the text, stands there
    ///   twice, or before what it answers.
    func contentPlaces(in whole: String) throws(ChatTemplateError) -> ContentPlaces? {
        var contents: [Int: String] = [:]
        var others = messages
        for (index, message) in messages.enumerated() {
            guard let content = message.content, !content.trimmed.isEmpty else { continue }
            contents[index] = content
            others[index] = message.with("content", .text(ContentPlaces.mark(index)))
        }
        guard !contents.isEmpty else { return nil }
        guard let text = try? render(others).text else {
            // The template reads contents as more than texts; then they stand there as they are.
            for (index, content) in contents.sorted(by: { $0.key < $1.key })
            where !whole.containsExactly(content.trimmed) {
                throw withoutTrace(index)
            }
            return nil
        }
        let marked = Array(text.utf8)
        try requireOrder(ContentPlaces.order(in: marked), contents)
        guard
            let places = ContentPlaces(
                in: Array(whole.utf8), marked: marked, contents: contents),
            places.ranges.count == contents.count
        else { return nil }
        return places
    }

    /// - Parameter order: Messages as their contents come in the text.
    private func requireOrder(
        _ order: [Int], _ contents: [Int: String]
    ) throws(ChatTemplateError) {
        for index in contents.keys.sorted() {
            guard let place = order.firstIndex(of: index) else { throw withoutTrace(index) }
            guard messages[index].role == "assistant" else { continue }
            guard !order[(place + 1)...].contains(index) else {
                throw refusal("writes message \(index) (assistant) twice")
            }
            if let later = order[place...].first(where: {
                $0 < index && messages[$0].role != "system"
            }), order.firstIndex(of: later).map({ $0 > place }) ?? false {
                throw refusal(
                    "writes message \(index) (assistant) before message \(later) "
                        + "(\(messages[later].role))")
            }
        }
    }

    /// - Parameter range: Where the message stands in `text`, which ends with it.
    /// - Throws: ``ChatTemplateError`` if the template leaves out a part of the message, or writes
    ///   something of its own into it.
    func requireNothingLost(
        _ index: Int, in text: [UInt8], _ range: Range<Int>
    ) throws(ChatTemplateError) {
        let message = messages[index]
        let written = text[range].withoutBlanks
        let content = Array((message.content ?? "").utf8)[...].withoutBlanks
        if message.isPlain {
            guard written == content else {
                throw content.contains(written)
                    ? refusal(
                        "leaves out a part of message \(index) (assistant), such as its thoughts")
                    : refusal("writes message \(index) (assistant) otherwise than it is")
            }
            return
        }
        guard written.contains(content) else {
            throw refusal("leaves out a part of the content of message \(index) (assistant)")
        }
        for key in ChatMessage.thoughts {
            guard let thought = message.object[key]?.string else { continue }
            guard written.contains(Array(thought.utf8)[...].withoutBlanks) else {
                throw refusal("does not write '\(key)' of message \(index) (assistant)")
            }
        }
    }

    func withoutTrace(_ index: Int) -> ChatTemplateError {
        refusal("writes nothing of message \(index) (\(messages[index].role))")
    }

    private func refusal(_ problem: String) -> ChatTemplateError {
        ChatTemplateError(
            problem, template: template.name,
            hint: "Leave that out of the data, set a variable with which the template writes it "
                + "(--template-set), or take another template (--chat-template)")
    }
}

extension ArraySlice<UInt8> {
    fileprivate var withoutBlanks: [UInt8] { filter { !$0.isBlank } }
}

extension [UInt8] {
    /// Whether `part` stands anywhere in it.
    fileprivate func contains(_ part: [UInt8]) -> Bool {
        guard let first = part.first else { return true }
        guard count >= part.count else { return false }
        return (0...(count - part.count)).contains {
            self[$0] == first && self[$0...].starts(with: part)
        }
    }
}
