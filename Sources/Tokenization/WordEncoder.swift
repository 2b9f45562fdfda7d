/// Turns words into tokens and remembers them, as text repeats its words.
///
/// Not shared between threads: each takes one (``Tokenizer/encode(_:)``).
struct WordEncoder: Sendable {
    /// Longer words seldom come again.
    private static let longestKeptWordBytes = 64
    private static let maximumKeptWords = 1 << 16

    private let merges: PairMerges
    private let byteTokens: [Int32]
    private let unknownToken: Int32?
    private let fusesUnknown: Bool
    /// Whole words that are tokens, where merges are to be ignored.
    private let wholeWords: ByteStringTable?

    private var merger = PairMerger()
    private var bytesAsTokens: [Int32] = []
    /// Words and where their tokens lie in `keptTokens`.
    private var keptWords = ByteStringTable(minimumCapacity: 1024)
    private var keptTokens: [Int32] = []
    private var keptStarts: [Int32] = [0]

    init(
        merges: PairMerges, byteTokens: [Int32], unknownToken: Int32?, fusesUnknown: Bool,
        wholeWords: ByteStringTable?
    ) {
        self.merges = merges
        self.byteTokens = byteTokens
        self.unknownToken = unknownToken
        self.fusesUnknown = fusesUnknown
        self.wholeWords = wholeWords
    }

    /// Appends the tokens of the word `bytes[range]` to `output`.
    mutating func encode(_ bytes: [UInt8], _ range: Range<Int>, into output: inout [Int32]) {
        if let index = keptWords.value(of: bytes, range) {
            output += keptTokens[Int(keptStarts[Int(index)])..<Int(keptStarts[Int(index) + 1])]
            return
        }
        let start = output.count
        if let whole = wholeWords?.value(of: bytes, range) {
            output.append(whole)
        } else {
            lookUpBytes(bytes[range])
            merger.merge(bytesAsTokens, by: merges, into: &output)
        }
        if range.count <= Self.longestKeptWordBytes { keep(bytes, range, output[start...]) }
    }

    private mutating func lookUpBytes(_ word: ArraySlice<UInt8>) {
        bytesAsTokens.removeAll(keepingCapacity: true)
        var afterUnknown = false
        for byte in word {
            let token = byteTokens[Int(byte)]
            if token >= 0 {
                bytesAsTokens.append(token)
            } else if let unknownToken, !(afterUnknown && fusesUnknown) {
                bytesAsTokens.append(unknownToken)
            }
            afterUnknown = token < 0
        }
    }

    private mutating func keep(_ bytes: [UInt8], _ range: Range<Int>, _ tokens: ArraySlice<Int32>) {
        if keptWords.count >= Self.maximumKeptWords {
            keptWords.removeAll()
            keptTokens.removeAll(keepingCapacity: true)
            keptStarts = [0]
        }
        keptWords.insert(bytes, range, value: Int32(keptWords.count))
        keptTokens += tokens
        keptStarts.append(Int32(keptTokens.count))
    }
}
