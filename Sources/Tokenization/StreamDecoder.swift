/// Turns tokens into text as they come: a character is given out when its last byte is there.
public struct StreamDecoder: Sendable {
    private let vocabulary: Vocabulary
    private let skipSpecial: Bool
    /// The start of a character; at most three bytes.
    private var pending: [UInt8] = []
    /// Whether no token has come yet that is part of the text.
    private var isAtStart = true

    init(vocabulary: Vocabulary, skipSpecial: Bool) {
        self.vocabulary = vocabulary
        self.skipSpecial = skipSpecial
    }

    /// The text that `token` completes; bytes that cannot become UTF-8 turn into U+FFFD.
    public mutating func append(_ token: Int32) -> String {
        if skipSpecial, vocabulary.isSpecial(token) { return "" }
        pending += vocabulary.decodedBytes(of: token, isFirst: isAtStart)
        isAtStart = false
        let complete = pending.count - Self.countOfUnfinishedBytes(at: pending)
        defer { pending.removeFirst(complete) }
        return String(decoding: pending[..<complete], as: UTF8.self)
    }

    /// What is left at the end: U+FFFD if the last character was not finished.
    public mutating func finish() -> String {
        defer { pending = [] }
        return String(decoding: pending, as: UTF8.self)
    }

    /// How many bytes at the end of `bytes` start a character that more bytes could finish.
    private static func countOfUnfinishedBytes(at bytes: [UInt8]) -> Int {
        for count in 1...3 where count <= bytes.count {
            let byte = bytes[bytes.count - count]
            if byte & 0xC0 == 0x80 { continue }
            let length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1
            return length > count ? count : 0
        }
        return 0
    }
}

extension Vocabulary {
    /// The bytes that a token adds to a text; the first may lose its spaces.
    func decodedBytes(of id: Int32, isFirst: Bool) -> ArraySlice<UInt8> {
        let bytes = bytes(of: id)
        guard isFirst else { return bytes }
        let space = UInt8(ascii: " ")
        switch decoding.start {
        case .nothing: return bytes
        case .space: return bytes.first == space ? bytes.dropFirst() : bytes
        case .spacesOfFirstToken: return bytes.drop { $0 == space }
        }
    }

    /// The text of `tokens`, as Hugging Face `tokenizers` decodes them: of bytes that fell back, a
    /// run that is not UTF-8 turns into one U+FFFD a byte.
    func text(of tokens: [Int32], skipSpecial: Bool) -> String {
        var text: [UInt8] = []
        var run: [UInt8] = []
        func finishRun() {
            guard !run.isEmpty else { return }
            if String(validating: run, as: UTF8.self) != nil {
                text += run
            } else {
                for _ in run { text += [0xEF, 0xBF, 0xBD] }
            }
            run = []
        }
        var isFirst = true
        for token in tokens where !(skipSpecial && isSpecial(token)) {
            let bytes = decodedBytes(of: token, isFirst: isFirst)
            isFirst = false
            if isFallbackByte(token) {
                run += bytes
            } else {
                finishRun()
                text += bytes
            }
        }
        finishRun()
        return String(decoding: text, as: UTF8.self)
    }
}
