import ChatTemplates
import Faults
import Slices
import Tokenization

/// Makes a sample of what a record gives to learn from.
struct SampleBuilder {
    let recipe: SampleRecipe
    let endToken: Int32
    /// For conversations; `nil` if the data has none.
    let chat: ModelChatTemplate?
    let template: InstructionTemplate
    /// What ends a response before the end token.
    private let ending: [Int32]

    /// A builder belongs to one thread.
    private let encoder: TokenEncoder
    private var tokenizer: Tokenizer { recipe.tokenizer }

    init(_ recipe: SampleRecipe, _ format: DatasetFormat) throws(DatasetError) {
        guard let endToken = recipe.tokenizer.endToken else {
            throw DatasetError(
                "the tokenizer names no end token, so a response would never end", at: nil,
                hint: "Add eos_token to the model's tokenizer_config.json")
        }
        self.recipe = recipe
        encoder = recipe.tokenizer.makeEncoder()
        self.endToken = endToken
        chat = format.isChat ? try recipe.requireChatTemplate() : nil
        template = recipe.template ?? format.usualTemplate
        let ending =
            template.endOfResponse.isEmpty
            ? [] : recipe.tokenizer.encode(template.endOfResponse)
        // Where it is the model's end token, it stands there anyway.
        self.ending = ending == [endToken] ? [] : ending
    }

    struct Sample {
        var tokens: [Int32]
        var runs: [TargetRun]
        var isTruncated: Bool
    }

    /// - Returns: `nil` if no target is left after the cut. The first token of a sample is none, as
    ///   nothing predicts it.
    func sample(_ content: RecordContent) throws(BadRecord) -> Sample? {
        switch content {
        case .exchange(let instruction, let input, let response):
            let head =
                try tokenizer.beginTokens
                + encode(try prompt(instruction: instruction, input: input))
            guard head.count < recipe.maxLength else { return nil }
            let tokens = try head + encode(response) + ending + [endToken]
            return cut(tokens, [head.count..<tokens.count])
        case .text(let text):
            let tokens = try tokenizer.beginTokens + encode(text) + [endToken]
            return cut(tokens, [0..<tokens.count])
        case .chat(let messages): return try conversation(messages)
        }
    }

    private func encode(_ text: String) throws(BadRecord) -> [Int32] {
        do {
            return try encoder.encode(text)
        } catch {
            throw BadRecord("cannot be tokenized: \(error)")
        }
    }

    private func prompt(instruction: String, input: String) throws(BadRecord) -> String {
        do {
            return try template.prompt(instruction: instruction, input: input)
        } catch {
            throw BadRecord("does not fit the instruction template: \(error)")
        }
    }

    private func cut(_ tokens: [Int32], _ targets: [Range<Int>]) -> Sample? {
        let length = min(tokens.count, recipe.maxLength)
        var runs: [TargetRun] = []
        for range in targets {
            let (lower, upper) = (max(range.lowerBound, 1), min(range.upperBound, length))
            guard lower < upper else { continue }
            if let last = runs.last, Int(last.upper) == lower {
                runs[runs.count - 1].upper = UInt32(upper)
            } else {
                runs.append(TargetRun(lower: UInt32(lower), upper: UInt32(upper)))
            }
        }
        guard !runs.isEmpty else { return nil }
        return Sample(
            tokens: length == tokens.count ? tokens : Array(tokens[..<length]), runs: runs,
            isTruncated: length < tokens.count)
    }

    /// The template writes a conversation's begin and end tokens itself, so none are added; the
    /// text is tokenized as a whole. A token is a target if any of its bytes is the assistant's, as in
    /// transformers' `return_assistant_tokens_mask`: in `[INST] Hi [/INST] Hello` the token ` Hello`
    /// begins with the template's space.
    private func conversation(_ messages: [ChatMessage]) throws(BadRecord) -> Sample? {
        guard let chat else { return nil }
        let turns: ChatTurns
        do {
            turns = try chat.template.turns(
                messages, which: recipe.targetTurns == .all ? .all : .last,
                bosToken: chat.bosToken, eosToken: chat.eosToken, date: recipe.date)
        } catch {
            throw BadRecord("does not fit the chat template: \(error)")
        }
        let tokens = try encode(turns.text)
        guard let ranges = tokenizer.ranges(of: tokens, in: turns.text) else {
            throw BadRecord(
                "is changed by the tokenizer, so that its turns cannot be found among the tokens")
        }
        var targets: [Range<Int>] = []
        var token = 0
        for turn in turns.assistant {
            while token < tokens.count, ranges[token].upperBound <= turn.lowerBound { token += 1 }
            let first = token
            while token < tokens.count, ranges[token].lowerBound < turn.upperBound { token += 1 }
            targets.append(first..<token)
        }
        return cut(tokens, targets)
    }
}
