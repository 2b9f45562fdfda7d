/// What a word becomes: the model of a tokenizer, shared by all that encode with it.
struct WordModel: Sendable {
    enum Merging: Sendable {
        case pairs(PairMerges)
        case scores(TokenScores)
    }

    let merging: Merging
    let spelling: TokenizerDefinition.Spelling
    /// Ids by token as written in the vocabulary.
    let ids: ByteStringTable
    /// As ``Vocabulary/byteTokens``.
    let byteTokens: [Int32]
    let unknownToken: Int32?
    let fusesUnknown: Bool
    let fallsBackToBytes: Bool
    /// Whole words that are tokens, where merges are to be ignored.
    let wholeWords: ByteStringTable?
    let takesLineFeedsWhole: Bool
}

/// Turns words into tokens and remembers them, as text repeats its words.
///
/// Not shared between threads: each takes one (``Tokenizer/makeEncoder()``).
struct WordEncoder: Sendable {
    /// Longer words seldom come again.
    private static let longestKeptWordBytes = 64
    private static let maximumKeptWords = 1 << 16

    private let model: WordModel
    private var pairs = PairMerger()
    private var scores = ScoreMerger()
    private var symbols: [Int32] = []
    /// Words and where their tokens lie in `keptTokens`.
    private var keptWords = ByteStringTable(minimumCapacity: 1024)
    private var keptTokens: [Int32] = []
    private var keptStarts: [Int32] = [0]

    init(_ model: WordModel) { self.model = model }

    /// Appends the tokens of the word `bytes[range]` to `output`.
    mutating func encode(_ bytes: [UInt8], _ range: Range<Int>, into output: inout [Int32]) {
        if let index = keptWords.value(of: bytes, range) {
            let end = Int(keptStarts[Int(index) + 1])
            var position = Int(keptStarts[Int(index)])
            while position < end {
                output.append(keptTokens[position])
                position += 1
            }
            return
        }
        let start = output.count
        if let whole = wholeWord(bytes, range) {
            output.append(whole)
        } else {
            switch model.merging {
            case .pairs(let merges):
                switch model.spelling {
                case .byteLevel: lookUpBytes(bytes, range)
                case .text: lookUpCharacters(bytes, range)
                }
                pairs.merge(symbols, by: merges, into: &output)
            case .scores(let table):
                scores.merge(bytes, range, by: table) { piece in
                    Self.append(bytes, piece, model, to: &output)
                }
            }
        }
        if range.count <= Self.longestKeptWordBytes { keep(bytes, range, output[start...]) }
    }

    private func wholeWord(_ bytes: [UInt8], _ range: Range<Int>) -> Int32? {
        if let wholeWords = model.wholeWords { return wholeWords.value(of: bytes, range) }
        let lineFeed = UInt8(ascii: "\n")
        guard model.takesLineFeedsWhole, bytes[range].allSatisfy({ $0 == lineFeed }) else {
            return nil
        }
        return model.ids.value(of: bytes, range)
    }

    private mutating func lookUpBytes(_ bytes: [UInt8], _ word: Range<Int>) {
        symbols.removeAll(keepingCapacity: true)
        var afterUnknown = false
        for index in word {
            let token = model.byteTokens[Int(bytes[index])]
            if token >= 0 {
                symbols.append(token)
            } else if let unknown = model.unknownToken, !(afterUnknown && model.fusesUnknown) {
                symbols.append(unknown)
            }
            afterUnknown = token < 0
        }
    }

    private mutating func lookUpCharacters(_ bytes: [UInt8], _ word: Range<Int>) {
        symbols.removeAll(keepingCapacity: true)
        // An unknown token waits for the next character that is known, as it may be fused.
        var unknownWaits = false
        var index = word.lowerBound
        while index < word.upperBound {
            var end = index + 1
            while end < word.upperBound, bytes[end] & 0xC0 == 0x80 { end += 1 }
            defer { index = end }
            if let token = model.ids.value(of: bytes, index..<end) {
                if unknownWaits, let unknown = model.unknownToken { symbols.append(unknown) }
                unknownWaits = false
                symbols.append(token)
            } else if model.fallsBackToBytes,
                bytes[index..<end].allSatisfy({ model.byteTokens[Int($0)] >= 0 })
            {
                for byte in bytes[index..<end] { symbols.append(model.byteTokens[Int(byte)]) }
            } else if let unknown = model.unknownToken {
                if unknownWaits, !model.fusesUnknown { symbols.append(unknown) }
                unknownWaits = true
            }
        }
        if unknownWaits, let unknown = model.unknownToken { symbols.append(unknown) }
    }

    /// The token of what merging by scores has left: its bytes, where it is none.
    private static func append(
        _ bytes: [UInt8], _ piece: Range<Int>, _ model: WordModel, to output: inout [Int32]
    ) {
        if let token = model.ids.value(of: bytes, piece) { return output.append(token) }
        for byte in bytes[piece] {
            let token = model.byteTokens[Int(byte)]
            if token >= 0 {
                output.append(token)
            } else if let unknown = model.unknownToken {
                output.append(unknown)
            }
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
