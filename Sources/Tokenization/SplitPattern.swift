/// The regular expressions by which byte-level tokenizers cut text into words, as scanners.
///
/// Each takes one match a call and runs in linear time.
enum SplitPattern: Sendable {
    /// `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
    case gpt2
    /// As ``llama3Expression``.
    case llama3
    /// As ``qwen2Expression``: numbers stand alone.
    case qwen2

    static let gpt2Expression =
        #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#
    static let llama3Expression = expression(numbers: #"\p{N}{1,3}"#)
    static let qwen2Expression = expression(numbers: #"\p{N}"#)

    private static func expression(numbers: String) -> String {
        #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"# + numbers
            + #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    }

    /// The scanner for an expression, if there is one.
    init?(expression: String) {
        switch expression {
        case Self.gpt2Expression: self = .gpt2
        case Self.llama3Expression: self = .llama3
        case Self.qwen2Expression: self = .qwen2
        default: return nil
        }
    }

    var expression: String {
        switch self {
        case .gpt2: Self.gpt2Expression
        case .llama3: Self.llama3Expression
        case .qwen2: Self.qwen2Expression
        }
    }

    /// The end of the match that starts at `start`; every position has one.
    ///
    /// - Precondition: `start < end`, both at the bounds of characters of valid UTF-8.
    @inline(__always)
    func endOfMatch(
        in bytes: [UInt8], from start: Int, upTo end: Int, _ classes: CharacterClasses
    ) -> Int {
        let scanner = WordScanner(bytes: bytes, end: end, classes: classes)
        switch self {
        case .gpt2: return scanner.endOfGPT2Word(from: start)
        case .llama3: return scanner.endOfLlama3Word(from: start, longestNumber: 3)
        case .qwen2: return scanner.endOfLlama3Word(from: start, longestNumber: 1)
        }
    }
}

/// One piece of text that is cut into words.
private struct WordScanner {
    let bytes: [UInt8]
    let end: Int
    let classes: CharacterClasses

    func endOfGPT2Word(from start: Int) -> Int {
        if let end = endOfContraction(from: start, anyCase: false) { return end }
        // " ?": a space belongs to what follows it, unless that is white space.
        let next = start + 1
        let first =
            bytes[start] == UInt8(ascii: " ") && next < end
                && !character(at: next).isAny(of: .space)
            ? next : start
        let flags = character(at: first).flags
        if flags.contains(.letter) { return endOfRun(of: .letter, from: first) }
        if flags.contains(.number) { return endOfRun(of: .number, from: first) }
        if flags.contains(.space) { return endOfSpaces(from: start) }
        return endOfRun(outside: .letterNumberOrSpace, from: first)
    }

    func endOfLlama3Word(from start: Int, longestNumber: Int) -> Int {
        if let end = endOfContraction(from: start, anyCase: true) { return end }
        let first = character(at: start)
        if first.isAny(of: .letter) { return endOfRun(of: .letter, from: start) }
        if first.isAny(of: .number) { return endOfNumber(from: start, longestNumber) }
        // Any one character but a line end may open a run of letters.
        let next = start + first.length
        if next < end, !isLineEnd(at: start), character(at: next).isAny(of: .letter) {
            return endOfRun(of: .letter, from: next)
        }
        let symbols = first.value == 0x20 ? next : start
        let endOfSymbols = endOfRun(outside: .letterNumberOrSpace, from: symbols)
        if endOfSymbols > symbols { return endOfLineEnds(from: endOfSymbols) }
        return endOfLinesOfSpaces(from: start) ?? endOfSpaces(from: start)
    }

    /// `\p{N}{1,3}` or `\p{N}`
    private func endOfNumber(from start: Int, _ longest: Int) -> Int {
        var index = start
        for _ in 0..<longest where index < end {
            let character = character(at: index)
            guard character.isAny(of: .number) else { break }
            index += character.length
        }
        return index
    }

    /// `\s+(?!\S)|\s+`: white space up to the end; before a word, its last character is left over.
    private func endOfSpaces(from start: Int) -> Int {
        let endOfRun = endOfRun(of: .space, from: start)
        guard endOfRun < end else { return endOfRun }
        let allButLast = endOfRun - classes.character(in: bytes, before: endOfRun).length
        return allButLast > start ? allButLast : endOfRun
    }

    /// `\s*[\r\n]+`: white space up to its last line end, `nil` if it has none.
    private func endOfLinesOfSpaces(from start: Int) -> Int? {
        var index = endOfRun(of: .space, from: start)
        while index > start, !isLineEnd(at: index - 1) { index -= 1 }
        return index > start ? index : nil
    }

    private func endOfLineEnds(from start: Int) -> Int {
        var index = start
        while index < end, isLineEnd(at: index) { index += 1 }
        return index
    }

    /// `'s|'t|'re|'ve|'m|'ll|'d`
    private func endOfContraction(from start: Int, anyCase: Bool) -> Int? {
        guard bytes[start] == UInt8(ascii: "'"), start + 1 < end else { return nil }
        let caseBit: UInt8 = anyCase ? 0x20 : 0
        let first = bytes[start + 1] | caseBit
        switch first {
        case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"):
            return start + 2
        default: break
        }
        guard start + 2 < end else { return nil }
        // U+017F, the long s, is an s where case does not matter.
        if anyCase, bytes[start + 1] == 0xC5, bytes[start + 2] == 0xBF { return start + 3 }
        switch (first, bytes[start + 2] | caseBit) {
        case (UInt8(ascii: "r"), UInt8(ascii: "e")), (UInt8(ascii: "v"), UInt8(ascii: "e")),
            (UInt8(ascii: "l"), UInt8(ascii: "l")):
            return start + 3
        default: return nil
        }
    }

    private func isLineEnd(at index: Int) -> Bool {
        bytes[index] == UInt8(ascii: "\r") || bytes[index] == UInt8(ascii: "\n")
    }

    @inline(__always)
    private func character(at index: Int) -> CharacterClasses.Character {
        classes.character(in: bytes, at: index)
    }

    @inline(__always)
    private func endOfRun(of flags: CharacterClasses.Flags, from start: Int) -> Int {
        classes.endOfRun(of: flags, in: bytes, from: start, upTo: end)
    }

    @inline(__always)
    private func endOfRun(outside flags: CharacterClasses.Flags, from start: Int) -> Int {
        classes.endOfRun(outside: flags, in: bytes, from: start, upTo: end)
    }
}
