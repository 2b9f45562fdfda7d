/// Turns tokens into text as they come: a character is given out when its last byte is there.
public struct StreamDecoder: Sendable {
    private let vocabulary: Vocabulary
    private let skipSpecial: Bool
    /// The start of a character; at most three bytes.
    private var pending: [UInt8] = []

    init(vocabulary: Vocabulary, skipSpecial: Bool) {
        self.vocabulary = vocabulary
        self.skipSpecial = skipSpecial
    }

    /// The text that `token` completes; bytes that cannot become UTF-8 turn into U+FFFD.
    public mutating func append(_ token: Int32) -> String {
        if skipSpecial, vocabulary.isSpecial(token) { return "" }
        pending += vocabulary.bytes(of: token)
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
