import ModelFiles

/// Finds where the assistant speaks in the text of a conversation.
///
/// What a message brings to the text is what changes when the message does: the conversation is
/// rendered once more with another content, and without calls and thoughts. What both texts begin
/// with is the template's (headers, a system's message that nobody wrote, an empty thought), and what
/// both end with is the end of the turn.
struct TurnFinder {
    private let template: ChatTemplate
    private let messages: [ChatMessage]
    private let eosToken: String
    private var places: ContentPlaces?
    private let render: (_ messages: [ChatMessage]) throws(ChatTemplateError) -> RenderedChat

    init(
        _ template: ChatTemplate, _ messages: [ChatMessage], eosToken: String,
        render: @escaping ([ChatMessage]) throws(ChatTemplateError) -> RenderedChat
    ) {
        self.template = template
        self.messages = messages
        self.eosToken = eosToken
        self.render = render
    }

    /// Texts to learn from, in the conversation's order: one, or several where the text up to an
    /// answer changes as the conversation goes on.
    ///
    /// - Parameter wanted: Indices of the messages to learn, ascending.
    mutating func turns(_ wanted: [Int]) throws(ChatTemplateError) -> [ChatTurns] {
        let whole = try render(messages)
        places = try contentPlaces(in: whole.text)
        guard !wanted.isEmpty else { return [] }
        if template.marksGeneration { return try marked(whole, wanted) }
        var found: [ChatTurns] = []
        var remaining = wanted
        var (text, end) = (whole.text, messages.count)
        while let last = remaining.last {
            var ranges: [Range<Int>] = []
            var later: [Int] = []
            for index in remaining {
                let through =
                    index + 1 == end ? text : try render(Array(messages[...index])).text
                if text.utf8.starts(with: withoutFinalEnd(Array(through.utf8))) {
                    let isWhole = end == messages.count
                    ranges.append(
                        try turn(index, in: through, places: isWhole ? places : nil))
                } else {
                    later.append(index)
                }
            }
            ranges.removeAll(where: \.isEmpty)
            if !ranges.isEmpty { found.append(ChatTurns(text: text, assistant: ranges)) }
            // What follows the last answer changes it: then the sample ends with that answer.
            end = later.last == last ? last + 1 : (later.last ?? 0) + 1
            remaining = later
            if !later.isEmpty { text = try render(Array(messages[..<end])).text }
        }
        return found.reversed()
    }

    // MARK: One turn

    /// The bytes of message `index` in `text`, which ends with it: from the first that is the
    /// message's to the end of the turn, without blanks behind an end token.
    ///
    /// - Parameter places: Where contents stand in `text`, if that is known.
    private mutating func turn(
        _ index: Int, in text: String, places: ContentPlaces?
    ) throws(ChatTemplateError) -> Range<Int> {
        let bytes = Array(text.utf8)
        if let content = places?.ranges[index], messages[index].isPlain {
            return content.lowerBound..<endOfTurn(bytes, from: content.upperBound)
        }
        let other = Array(try render(changed(index, upTo: index)).text.utf8)
        guard bytes != other else {
            guard messages[index].saysNothing else { throw withoutTrace(index) }
            return 0..<0
        }
        var (start, tail) = Self.difference(bytes, other)
        let content = messages[index].content ?? ""
        if !bytes[start..<tail].elementsEqual(content.trimmed.utf8), index > 0,
            !bytes[start..<tail].elementsEqual(content.utf8)
        {
            start = try refined(start, tail, content.trimmed, index, bytes)
        }
        return start..<endOfTurn(bytes, from: max(start, tail))
    }

    /// The conversation up to and with `last`, message `index` being another one.
    private func changed(_ index: Int, upTo last: Int) -> [ChatMessage] {
        var others = Array(messages[...last])
        others[index] = others[index].with("content", .text(ContentPlaces.mark(index))).with(
            "tool_calls", nil)
        for key in ChatMessage.thoughts { others[index] = others[index].with(key, nil) }
        return others
    }

    /// Where a turn begins that the template has rewritten: not before the text of the messages
    /// before it, and no later than its content, where that stands there as it is.
    private func refined(
        _ start: Int, _ tail: Int, _ content: String, _ index: Int, _ bytes: [UInt8]
    ) throws(ChatTemplateError) -> Int {
        var lower = 0
        if let before = try? render(Array(messages[..<index])).text.utf8, bytes.starts(with: before)
        {
            lower = before.count
        }
        let start = max(start, lower)
        let content = Array(content.utf8)
        guard !content.isEmpty, lower < start else { return start }
        for place in lower..<start where place + content.count > start {
            if bytes[place...].starts(with: content) { return place }
        }
        return start
    }

    /// The end of what both begin with, and the start of what both end with, in the first; both
    /// between characters.
    private static func difference(_ bytes: [UInt8], _ other: [UInt8]) -> (Int, Int) {
        let shorter = min(bytes.count, other.count)
        var start = 0
        while start < shorter, bytes[start] == other[start] { start += 1 }
        while start > 0, start < bytes.count, bytes[start].continuesCharacter { start -= 1 }
        var behind = 0
        while behind < shorter - start,
            bytes[bytes.count - 1 - behind] == other[other.count - 1 - behind]
        {
            behind += 1
        }
        var tail = bytes.count - behind
        while tail < bytes.count, bytes[tail].continuesCharacter { tail += 1 }
        return (start, tail)
    }

    /// The line feed behind `<|im_end|>` is not the assistant's; where nothing else ends a turn, it is.
    private mutating func endOfTurn(_ bytes: [UInt8], from tail: Int) -> Int {
        let whole = bytes.count - bytes.trailingBlanks
        guard whole > tail else { return bytes.count }
        let ended = withoutFinalEnd(bytes)
        let own = ended.count - ended.trailingBlanks
        return own > tail ? own : whole
    }

    /// Without the end token with which the template ends every text, whoever speaks last: it is the
    /// text's, and does not stand there when the conversation goes on.
    private mutating func withoutFinalEnd(_ bytes: [UInt8]) -> ArraySlice<UInt8> {
        let end = bytes.count - bytes.trailingBlanks
        guard !eosToken.isEmpty, bytes[..<end].ends(with: eosToken), endsEveryText else {
            return bytes[...]
        }
        return bytes[..<(end - eosToken.utf8.count)]
    }

    private lazy var endsEveryText: Bool = {
        var others = messages
        if others.last?.role == "assistant" {
            others.append(ChatMessage(role: "user", content: ContentPlaces.mark(messages.count)))
        }
        guard let text = try? render(others).text.utf8 else { return false }
        let bytes = Array(text)
        return bytes.dropLast(bytes.trailingBlanks).ends(with: eosToken)
    }()

    // MARK: Marked turns

    /// What the template marks itself, as transformers takes it, but for messages that are context.
    private func marked(
        _ whole: RenderedChat, _ wanted: [Int]
    ) throws(ChatTemplateError) -> [ChatTurns] {
        var ranges = whole.generated.filter { !$0.isEmpty }
        let spoken = messages.indices.filter { messages[$0].role == "assistant" }
        if wanted != spoken {
            let bytes = Array(whole.text.utf8)
            for index in spoken where !wanted.contains(index) {
                let others = changed(index, upTo: messages.count - 1)
                let other = Array(try render(others).text.utf8)
                let (start, _) = Self.difference(bytes, other)
                ranges.removeAll { $0.lowerBound <= start && start < $0.upperBound }
            }
        }
        return ranges.isEmpty ? [] : [ChatTurns(text: whole.text, assistant: ranges)]
    }

    // MARK: Traces

    /// Where the contents stand, if the template writes them as they are.
    ///
    /// - Throws: ``ChatTemplateError`` naming a message that leaves no trace in the text: a template
    ///   that passes over some would make others of the data.
    private func contentPlaces(in whole: String) throws(ChatTemplateError) -> ContentPlaces? {
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
        if let places = ContentPlaces(in: Array(whole.utf8), marked: marked, contents: contents),
            places.ranges.count == contents.count
        {
            return places
        }
        for index in contents.keys.sorted()
        where !text.containsExactly(ContentPlaces.mark(index)) {
            throw withoutTrace(index)
        }
        return nil
    }

    private func withoutTrace(_ index: Int) -> ChatTemplateError {
        ChatTemplateError(
            "writes nothing of message \(index) (\(messages[index].role))", template: template.name,
            hint: "Leave such messages out, or take a template that knows them (--chat-template)")
    }
}

extension ChatMessage {
    /// Whether a template may well write nothing of it.
    fileprivate var saysNothing: Bool {
        (content ?? "").trimmed.isEmpty && !hasCalls
    }

    /// Whether its content is all that it brings to the text.
    fileprivate var isPlain: Bool {
        !hasCalls && !ChatMessage.thoughts.contains { object[$0] != nil }
    }
}

extension Collection<UInt8> where Self: BidirectionalCollection {
    fileprivate var trailingBlanks: Int {
        reversed().prefix { [0x20, 0x0A, 0x0D, 0x09].contains($0) }.count
    }

    fileprivate func ends(with text: String) -> Bool {
        suffix(text.utf8.count).elementsEqual(text.utf8)
    }
}

extension UInt8 {
    /// Whether a byte of UTF-8 is not the first of its character.
    fileprivate var continuesCharacter: Bool { self & 0xC0 == 0x80 }
}
