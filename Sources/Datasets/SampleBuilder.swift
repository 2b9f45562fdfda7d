import ChatTemplates
import Faults
import JSON
import Slices
import Tokenization

/// How the records of a file are read: told by the first usable one.
struct RecordForm: Sendable, Equatable {
    let format: DatasetFormat
    /// Whether the model's chat template renders them.
    let asChat: Bool
}

/// Makes samples of what a record gives to learn from.
struct SampleBuilder {
    let recipe: SampleRecipe
    let endToken: Int32
    /// For conversations; `nil` if the data has none.
    let chat: ModelChatTemplate?
    let template: InstructionTemplate
    /// What ends a response before the end token.
    private let ending: [Int32]

    /// Texts of the tokens at which the model stops.
    private let endMarks: [String]

    /// A builder belongs to one thread.
    private let encoder: TokenEncoder
    private var tokenizer: Tokenizer { recipe.tokenizer }

    init(_ recipe: SampleRecipe, _ form: RecordForm) throws(DatasetError) {
        guard let endToken = recipe.tokenizer.endToken else {
            throw DatasetError(
                "the tokenizer names no end token, so a response would never end", at: nil,
                hint: "Add eos_token to the model's tokenizer_config.json")
        }
        self.recipe = recipe
        encoder = recipe.tokenizer.makeEncoder()
        self.endToken = endToken
        chat = form.asChat ? try recipe.requireChatTemplate() : nil
        template = recipe.template ?? form.format.usualTemplate
        endMarks = recipe.stopTokens.sorted().map {
            recipe.tokenizer.decode([$0], skipSpecial: false)
        }
        let ending =
            template.endOfResponse.isEmpty
            ? [] : recipe.tokenizer.encode(template.endOfResponse, continues: true)
        // Where it is the model's end token, it stands there anyway.
        self.ending = ending == [endToken] ? [] : ending
    }

    struct Sample {
        var tokens: [Int32]
        var runs: [TargetRun]
        var isTruncated: Bool
        /// Whether the last answer is whole, and no token ends it.
        var lacksEnd = false
    }

    /// - Returns: Nothing if no target is left after the cut. The first token of a sample is none, as
    ///   nothing predicts it.
    func samples(_ content: RecordContent) throws(BadRecord) -> [Sample] {
        switch content {
        case .exchange(let instruction, let input, let response):
            return try exchange(prompt(instruction: instruction, input: input), response)
        case .text(let text):
            let given = try encode(text)
            let begun = tokenizer.begun(given)
            let tokens = ended(begun, from: begun.count - given.count)
            return [cut(tokens, [0..<tokens.count])].compactMap { $0 }
        case .chat(let conversation): return try samples(of: conversation)
        }
    }

    /// Prompt and response are tokenized apart, so that no token reaches from one into the other. The
    /// response goes on where the prompt ends, and so gets no blank that begins a text.
    private func exchange(_ prompt: String, _ response: String) throws(BadRecord) -> [Sample] {
        let answer = try encode(response, continues: !prompt.isEmpty)
        let asked = try encode(prompt)
        // The response may begin with the begin token where there is no prompt.
        let head =
            asked.isEmpty && tokenizer.begun(answer) == answer ? [] : tokenizer.begun(asked)
        guard head.count < recipe.maxLength else { return [] }
        var tokens = head + answer
        if !ending.isEmpty, !tokens.ends(with: ending), !tokens.ends(with: ending + [endToken]) {
            tokens += ending
        }
        tokens = ended(tokens, from: head.count)
        return [cut(tokens, [head.count..<tokens.count])].compactMap { $0 }
    }

    /// With the end token, unless the model stops there already, with nothing behind it but the line
    /// feeds that chat templates write there.
    private func ended(_ tokens: [Int32], from start: Int = 0) -> [Int32] {
        if let last = tokens[start...].lastIndex(where: recipe.stopTokens.contains) {
            let behind = tokenizer.decode(Array(tokens[(last + 1)...]), skipSpecial: false)
            if behind.utf8.allSatisfy({ $0 == UInt8(ascii: "\n") }) { return tokens }
        }
        return tokens + [endToken]
    }

    private func encode(_ text: String, continues: Bool = false) throws(BadRecord) -> [Int32] {
        do {
            return try encoder.encode(text, continues: continues)
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
    private func samples(of conversation: Conversation) throws(BadRecord) -> [Sample] {
        let hasTools = conversation.variables["tools"] != nil
        guard let chat = hasTools ? recipe.toolTemplate ?? chat : chat else { return [] }
        let texts: [ChatTurns]
        do {
            texts = try chat.template.turns(
                conversation.with(defaults: recipe.templateVariables),
                which: recipe.targetTurns == .all ? .all : .last, bosToken: chat.bosToken,
                eosToken: chat.eosToken, endMarks: endMarks, date: recipe.date)
        } catch {
            throw BadRecord("does not fit the chat template: \(error)")
        }
        var samples: [Sample] = []
        for text in texts { if let sample = try sample(of: text) { samples.append(sample) } }
        return samples
    }

    private func sample(of turns: ChatTurns) throws(BadRecord) -> Sample? {
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
        var sample = cut(tokens, targets)
        if let last = sample?.runs.last, sample?.isTruncated == false {
            sample?.lacksEnd = !recipe.stopTokens.contains(tokens[Int(last.upper) - 1])
        }
        return sample
    }
}

extension Array<Int32> {
    fileprivate func ends(with other: [Int32]) -> Bool {
        count >= other.count && suffix(other.count).elementsEqual(other)
    }
}
