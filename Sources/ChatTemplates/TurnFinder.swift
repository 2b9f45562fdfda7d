import JSON

/// Finds where the assistant speaks in the text of a conversation.
///
/// What a message brings to the text is what changes when the message does: the conversation is
/// rendered once more with another content, and without calls and thoughts. What both texts begin
/// with is the template's (headers, a system's message that nobody wrote, an empty thought), and what
/// both end with begins with the end of the turn.
struct TurnFinder {
    let template: ChatTemplate
    let messages: [ChatMessage]
    /// Texts of the tokens at which the model stops.
    let endMarks: [[UInt8]]
    let render: (_ messages: [ChatMessage]) throws(ChatTemplateError) -> RenderedChat

    /// Turns that were found and have no text yet, by message.
    private var known: [Int: Turn] = [:]

    /// - Parameter endMarks: Texts of tokens at which the model stops.
    init(
        _ template: ChatTemplate, _ messages: [ChatMessage], endMarks: [String],
        render: @escaping ([ChatMessage]) throws(ChatTemplateError) -> RenderedChat
    ) {
        self.template = template
        self.messages = messages
        self.endMarks = endMarks.map { Array($0.utf8) }
        self.render = render
    }

    /// Texts to learn from, in the conversation's order: one, or several where the text up to an
    /// answer changes as the conversation goes on.
    ///
    /// - Parameter wanted: Indices of the messages to learn, ascending.
    mutating func turns(_ wanted: [Int]) throws(ChatTemplateError) -> [ChatTurns] {
        let whole = try render(messages)
        let places = try contentPlaces(in: whole.text)
        guard !wanted.isEmpty else { return [] }
        if template.marksGeneration { return try marked(whole, wanted) }
        var found: [ChatTurns] = []
        var remaining = wanted
        var (text, end) = (Array(whole.text.utf8), messages.count)
        while let last = remaining.last {
            var ranges: [Range<Int>] = []
            var later: [Int] = []
            for index in remaining {
                let placesHere = end == messages.count ? places : nil
                if let turn = try turn(index, in: text, upTo: end, placesHere) {
                    ranges += turn
                    // Its text is as long as the conversation up to it.
                    known[index] = nil
                } else {
                    later.append(index)
                }
            }
            ranges.removeAll(where: \.isEmpty)
            if !ranges.isEmpty {
                found.append(
                    ChatTurns(text: String(decoding: text, as: UTF8.self), assistant: ranges))
            }
            // What follows the last answer changes it: then the sample ends with that answer.
            end = later.last == last ? last + 1 : (later.last ?? 0) + 1
            remaining = later
            if !later.isEmpty { text = Array(try render(Array(messages[..<end])).text.utf8) }
        }
        return found.reversed()
    }

    // MARK: One turn

    /// A turn in the text that ends with it.
    private struct Turn {
        let through: [UInt8]
        let tail: Int
        let ranges: [Range<Int>]
        /// Where the turn ends without the end token that ends every text.
        let endWithoutFinal: Int
    }

    /// The bytes of message `index` in `text`, the text of the first `count` messages; `nil` if the
    /// text up to it is not what the model reads when it gives that answer.
    ///
    /// - Parameter places: Where contents stand in `text`, if that is known.
    private mutating func turn(
        _ index: Int, in text: [UInt8], upTo count: Int, _ places: ContentPlaces?
    ) throws(ChatTemplateError) -> [Range<Int>]? {
        let turn: Turn
        do throws(ChatTemplateError) {
            turn = try self.turn(index, in: index + 1 == count ? text : nil, places, text)
        } catch {
            // The template takes no conversation that ends here, so no model reads such a text.
            guard index + 1 < count, let content = places?.ranges[index], messages[index].isPlain,
                let mark = endMark(in: text, from: content.upperBound, adjacent: true)
            else { throw error }
            return [content.lowerBound..<mark.upperBound]
        }
        guard let last = turn.ranges.last else { return [] }
        guard text.starts(with: turn.through[..<last.upperBound]) else {
            // The end token behind the last message is the text's, and stands there only.
            let end = turn.endWithoutFinal
            guard turn.tail < end, end < last.upperBound,
                text.starts(with: turn.through[..<end])
            else { return nil }
            return [last.lowerBound..<end]
        }
        // Some templates write the end only where the conversation goes on.
        if last.upperBound == turn.tail,
            let mark = endMark(in: text, from: turn.tail, adjacent: true)
        {
            return turn.ranges.dropLast() + [last.lowerBound..<mark.upperBound]
        }
        return turn.ranges
    }

    /// The turn of message `index`, found once.
    ///
    /// - Parameter through: The text that ends with it, if it is there already.
    private mutating func turn(
        _ index: Int, in through: [UInt8]?, _ places: ContentPlaces?, _ text: [UInt8]
    ) throws(ChatTemplateError) -> Turn {
        if let known = known[index] { return known }
        let through =
            if let through { through } else {
                Array(try render(Array(messages[...index])).text.utf8)
            }
        let (start, tail) =
            if let content = places?.ranges[index], messages[index].isPlain,
                text.starts(with: through.prefix(content.upperBound))
            { (content.lowerBound, content.upperBound) } else { try bounds(index, in: through) }
        let ranges =
            start < through.count || start < tail
            ? try endedTurn(index, start..<tail, in: through) : []
        let turn = Turn(
            through: through, tail: tail, ranges: ranges,
            endWithoutFinal: withoutFinalEnd(through).count)
        known[index] = turn
        return turn
    }

    /// Where that which message `index` brings to the text begins and ends; `text` ends with it.
    private func bounds(
        _ index: Int, in text: [UInt8]
    ) throws(ChatTemplateError) -> (start: Int, tail: Int) {
        let message = messages[index]
        let other = Array(try render(changed(index, upTo: index)).text.utf8)
        guard text != other else {
            guard message.saysNothing else { throw withoutTrace(index) }
            return (text.count, text.count)
        }
        var (start, tail) = Self.difference(text, other)
        let content = message.content ?? ""
        if message.isPlain,
            text[start..<tail].elementsEqual(content.trimmed.utf8)
                || text[start..<tail].elementsEqual(content.utf8)
        {
            return (start, tail)
        }
        start = refined(start, content.trimmed, index, text)
        // Marks of calls and of texts may begin, or end, alike.
        if !message.isPlain { start = text.startOfMark(around: start) }
        tail = max(start, tail)
        try requireNothingLost(index, in: text, start..<tail)
        return (start, tail)
    }

    /// The conversation up to and with `last`, message `index` being another one.
    private func changed(_ index: Int, upTo last: Int) -> [ChatMessage] {
        var others = Array(messages[...last])
        others[index] = others[index].with("content", .text(ContentPlaces.mark(index)))
            .with("tool_calls", nil)
        for key in ChatMessage.thoughts { others[index] = others[index].with(key, nil) }
        return others
    }

    /// Where a turn begins that the template has rewritten: not before the text of the messages
    /// before it, and no later than its content, where that stands there as it is.
    private func refined(
        _ start: Int, _ content: String, _ index: Int, _ bytes: [UInt8]
    ) -> Int {
        var lower = 0
        if index > 0, let before = try? render(Array(messages[..<index])).text.utf8,
            bytes.starts(with: before)
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
    private static func difference(
        _ bytes: [UInt8], _ other: [UInt8]
    ) -> (start: Int, tail: Int) {
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
                let (start, tail) = Self.difference(bytes, other)
                // Its end token may stand in a block of its own.
                let end = endMark(in: bytes, from: tail, adjacent: true)?.upperBound ?? tail
                ranges.removeAll { $0.upperBound > start && $0.lowerBound < max(end, start + 1) }
            }
        }
        return ranges.isEmpty ? [] : [ChatTurns(text: whole.text, assistant: ranges)]
    }

    // MARK: The last end token

    /// Without the end token with which the template ends every text, whoever speaks last: it is the
    /// text's, and does not stand there when the conversation goes on.
    mutating func withoutFinalEnd(_ bytes: [UInt8]) -> ArraySlice<UInt8> {
        let end = bytes.count - bytes.trailingBlanks
        guard let mark = endMarks.first(where: { bytes[..<end].ends(with: $0) }),
            endsEveryText.contains(mark)
        else { return bytes[...] }
        return bytes[..<(end - mark.count)]
    }

    /// The end tokens with which a text ends though a question is its last message.
    private lazy var endsEveryText: Set<[UInt8]> = {
        var others = messages
        if others.last?.role == "assistant" {
            others.append(ChatMessage(role: "user", content: ContentPlaces.mark(messages.count)))
        }
        guard let text = try? render(others).text.utf8 else { return [] }
        let bytes = Array(text)
        let whole = bytes.dropLast(bytes.trailingBlanks)
        return Set(endMarks.filter { whole.ends(with: $0) })
    }()
}

extension ChatMessage {
    /// Whether a template may well write nothing of it.
    fileprivate var saysNothing: Bool {
        (content ?? "").trimmed.isEmpty && !hasCalls
    }

    /// Whether its content is all that it brings to the text.
    var isPlain: Bool {
        !hasCalls && !ChatMessage.thoughts.contains { object[$0] != nil }
    }
}

extension Collection<UInt8> where Self: BidirectionalCollection {
    var trailingBlanks: Int { reversed().prefix(while: \.isBlank).count }

    func ends(with other: some Collection<UInt8>) -> Bool {
        suffix(other.count).elementsEqual(other)
    }
}

extension [UInt8] {
    /// The beginning of the mark, as `<|START_ACTION|>`, in which `place` lies; `place` in none.
    fileprivate func startOfMark(around place: Int) -> Int {
        for before in stride(from: place - 1, through: Swift.max(0, place - 40), by: -1) {
            if self[before] == UInt8(ascii: "<") { return before }
            if self[before] == UInt8(ascii: ">") || self[before].isBlank { break }
        }
        return place
    }
}

extension UInt8 {
    /// A blank, a tab or the end of a line.
    var isBlank: Bool { self == 0x20 || (0x09...0x0D).contains(self) }

    /// Whether a byte of UTF-8 is not the first of its character.
    fileprivate var continuesCharacter: Bool { self & 0xC0 == 0x80 }
}
