/// Where a turn ends.
extension TurnFinder {
    /// What is learned of a turn whose message stands at `said` in `through`, a text that ends with it.
    ///
    /// The first end token behind the message ends the turn. Text of the template between them is not
    /// learned, but for marks such as `<|END_RESPONSE|>` and what closes a call. Where no end token is
    /// known, all that the template writes behind a message ends its turn, as far as it stands there
    /// when the conversation goes on; a line feed counts only if it is all there is.
    mutating func endedTurn(
        _ index: Int, _ said: Range<Int>, in through: [UInt8]
    ) throws(ChatTemplateError) -> [Range<Int>] {
        let tail = said.upperBound
        let ended = withoutFinalEnd(through)
        if let mark = endMark(in: Array(ended), from: tail) ?? endMark(in: through, from: tail) {
            let between = through[tail..<mark.lowerBound].trimmed
            return between.isEmpty || between.isMarks || !messages[index].isPlain
                ? [said.lowerBound..<mark.upperBound] : [said, mark]
        }
        let own = ended.count - ended.trailingBlanks
        guard own > tail else { return [said.lowerBound..<max(tail, ended.count)] }
        return [said.lowerBound..<commonEnd(index, through, from: tail, upTo: own)]
    }

    /// The first end token in `bytes` from `start`; if `adjacent`, with nothing but blanks before it.
    func endMark(in bytes: [UInt8], from start: Int, adjacent: Bool = false) -> Range<Int>? {
        var place = start
        while place < bytes.count {
            let here = endMarks.filter { bytes[place...].starts(with: $0) }
            if let mark = here.max(by: { $0.count < $1.count }) {
                return place..<(place + mark.count)
            }
            guard !adjacent || bytes[place].isBlank else { return nil }
            place += 1
        }
        return nil
    }

    /// `own`, or the end of the first mark if what stands there changes when a question follows:
    /// such a template begins the next answer by itself.
    private func commonEnd(
        _ index: Int, _ through: [UInt8], from tail: Int, upTo own: Int
    ) -> Int {
        let question = ChatMessage(role: "user", content: ContentPlaces.mark(messages.count))
        guard let longer = try? render(Array(messages[...index]) + [question]).text.utf8,
            !longer.starts(with: through[..<own])
        else { return own }
        let common = zip(longer, through[..<own]).prefix { $0 == $1 }.count
        guard common > tail else { return own }
        let shared = through[tail..<common]
        guard let close = shared.firstIndex(where: { $0 == UInt8(ascii: ">") }) else {
            return common - shared.trailingBlanks
        }
        return close + 1
    }
}

extension ArraySlice<UInt8> {
    fileprivate var trimmed: ArraySlice<UInt8> {
        drop(while: \.isBlank).dropLast(trailingBlanks)
    }

    /// Whether it is one mark or more, as `<|END_RESPONSE|>`, and no words.
    fileprivate var isMarks: Bool {
        first == UInt8(ascii: "<") && last == UInt8(ascii: ">") && !contains(where: \.isBlank)
    }
}
