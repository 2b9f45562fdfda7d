public import ChatTemplates
import Files
import Foundation
public import JSON
public import ModelFiles
public import Tokenization

/// Everything beside a file's bytes that decides which samples are made of it.
public struct SampleRecipe: Sendable {
    public let tokenizer: Tokenizer
    /// SHA-256 of what the tokenizer was made from; `nil` if unknown, and then nothing is cached.
    public let tokenizerIdentity: String?
    private var chatTemplate: Result<ModelChatTemplate?, ChatTemplateError>
    /// The model's template for conversations with tools; `nil` for the usual one.
    private(set) var toolTemplate: ModelChatTemplate?
    /// Tokens at which the model stops: each of them ends an answer.
    let stopTokens: Set<Int32>
    /// The text of the template that stands in the place of the model's.
    private var ownChatTemplate: String?
    /// Variables that a chat template is given; those of a conversation itself go first.
    public private(set) var templateVariables = JSONObject([])
    /// Keys of the records; `nil` takes those of the first usable one.
    public var format: DatasetFormat?
    public var targetTurns = TargetTurns.all
    /// The day that a chat template is told when it asks for today's.
    public var date = TemplateDate.today
    /// How prompts are written; `nil` for what is usual for the format.
    private(set) var template: InstructionTemplate?
    /// Whether the model's chat template writes prompts and responses too.
    private(set) var usesChatTemplate = false
    /// Most tokens of a sample.
    public var maxLength: Int
    /// Whether records that cannot be used are skipped and counted.
    public var skipBadLines = false
    /// Share of the records that is held out.
    public var heldOut: HeldOutShare?

    /// - Parameters:
    ///   - tokenizer: Must name an end token.
    ///   - chatTemplate: For conversations.
    public init(tokenizer: Tokenizer, chatTemplate: ModelChatTemplate? = nil, maxLength: Int) {
        self.tokenizer = tokenizer
        self.maxLength = maxLength
        tokenizerIdentity = nil
        stopTokens = tokenizer.stopTokens
        self.chatTemplate = .success(chatTemplate)
    }

    /// The tokenizer and the chat template of a model.
    ///
    /// - Throws: ``TokenizationError`` if the tokenizer cannot be used.
    public init(model: BaseModel, maxLength: Int) throws(TokenizationError) {
        tokenizer = try Tokenizer(model: model)
        self.maxLength = maxLength
        tokenizerIdentity = Self.identity(of: model)
        stopTokens = tokenizer.stopTokens.union(model.configuration.eosTokens.map { Int32($0) })
        toolTemplate = ChatTemplate.findForTools(in: model)
        do throws(ChatTemplateError) {
            chatTemplate = .success(try ChatTemplate.find(in: model))
        } catch {
            chatTemplate = .failure(error)
        }
    }

    /// The name under which the model's chat template writes prompts and responses.
    static let nameOfChatTemplate = "chat"

    /// Writes prompts by a built-in template, by a user's own file, or by the model's chat template
    /// (`chat`).
    ///
    /// - Returns: What tells the template apart from others: its name, or the file's text.
    /// - Throws: ``DatasetError`` if there is neither, or the file is no template.
    public mutating func use(template nameOrFile: String) throws(DatasetError) -> String {
        guard nameOrFile != Self.nameOfChatTemplate else {
            usesChatTemplate = true
            return nameOrFile
        }
        do {
            let template = try InstructionTemplate(nameOrFile: nameOrFile)
            self.template = template
            return template.identity
        } catch {
            throw DatasetError(error.problem, at: "--template " + nameOrFile, hint: error.hint)
        }
    }

    /// Writes conversations by the chat template in `file`, with the model's tokens.
    ///
    /// - Returns: The file's text, which tells the template apart from others.
    /// - Throws: ``DatasetError`` if the file is no template.
    public mutating func use(
        chatTemplate file: String, for model: BaseModel
    ) throws(DatasetError) -> String {
        do throws(ChatTemplateError) {
            let own = try ChatTemplate(file: file)
            chatTemplate = .success(try ChatTemplate.find(in: model, replacedBy: own))
            toolTemplate = nil
            ownChatTemplate = own.source
            return own.source
        } catch {
            throw DatasetError(
                error.problem, at: "--chat-template " + (error.location ?? file), hint: error.hint)
        }
    }

    /// Gives every conversation these variables.
    ///
    /// - Throws: ``DatasetError`` if the chat template reads none of that name.
    public mutating func use(
        templateVariables: JSONObject
    ) throws(DatasetError) {
        self.templateVariables = templateVariables
        guard !templateVariables.keys.isEmpty else { return }
        let chat = try requireChatTemplate()
        let templates = [chat, toolTemplate].compactMap { $0?.template }
        if let name = templateVariables.keys.first(where: { name in
            !templates.contains { $0.mentions(name) }
        }) {
            throw DatasetError(
                "sets '\(name)', which \(chat.template.name) does not read", at: "--template-set",
                hint: "Leave it out, or look for the right name in the template")
        }
    }

    /// How the records of a file are read whose first usable record this is.
    func form(of record: Record) throws(BadRecord) -> RecordForm {
        let format: DatasetFormat =
            if let known = self.format { known } else { try .detected(in: record) }
        let isExchange = !format.holdsConversations && format != .text
        return RecordForm(
            format: format,
            asChat: format.holdsConversations || isExchange && usesChatTemplate
                || isExchange && template == nil && format.needsChatTemplate(record))
    }

    /// Whether samples of conversations depend on ``date``.
    public var asksForTheDate: Bool {
        guard case .success(let chat?) = chatTemplate else { return false }
        return chat.template.asksForTheDate || toolTemplate?.template.asksForTheDate ?? false
    }

    /// - Throws: ``DatasetError`` if conversations cannot be rendered.
    func requireChatTemplate() throws(DatasetError) -> ModelChatTemplate {
        switch chatTemplate {
        case .success(let template?): return template
        case .success(nil):
            throw DatasetError(
                "holds conversations, and the model has no chat template", at: nil,
                hint: "Add chat_template.jinja to the model's folder, or train on a model that has "
                    + "one")
        case .failure(let error):
            throw DatasetError(error.problem, at: error.location, hint: error.hint)
        }
    }

    /// Raised by every change that gives other samples for the same settings.
    private static let version = 3

    /// The recipe as text, by which samples are told apart; `nil` if it cannot be.
    var identity: String? {
        guard let tokenizerIdentity else { return nil }
        // Beside the tokenizer's files what our reading makes of them, so that a mended tokenizer
        // does not go on with ids of the day before.
        let ids = tokenizer.encode(Self.probe) + tokenizer.beginTokens + [tokenizer.endToken ?? -1]
        var lines = [
            "recipe \(Self.version)", "tokenizer \(tokenizerIdentity)", "probe \(ids)",
            "format \(format?.rawValue ?? "auto")", "turns \(targetTurns.rawValue)",
            "template \(template?.identity ?? (usesChatTemplate ? "chat" : "usual"))",
            "max-length \(maxLength)",
            "skip-bad-lines \(skipBadLines)",
            "held-out \(heldOut?.threshold ?? 0)",
        ]
        if case .success(let chat?) = chatTemplate {
            lines.append("chat \(chat.bosToken) \(chat.eosToken) \(probe(chat.template))")
            lines.append("stops \(stopTokens.sorted())")
            if let toolTemplate { lines.append("for tools \(probe(toolTemplate.template))") }
            if asksForTheDate {
                lines.append("date \(date)")
            }
            lines.append("chat-template \(ownChatTemplate ?? "")")
            let variables = JSONValue.object(templateVariables).encoded()
            lines.append("variables \(String(decoding: variables, as: UTF8.self))")
        }
        return lines.joined(separator: "\n")
    }

    private static let probe =
        "Hello, world!  It's 1234567 o'clock\r\n\n\t\u{e9}e\u{301} \u{4e2d}\u{6587} "
        + "\u{1F469}\u{200D}\u{1F4BB} \u{0645}\u{0631}\u{062d}\u{0628}\u{0627} def f(x): x_1 += 10%"

    private func probe(_ template: ChatTemplate) -> String {
        let messages = ["system", "user", "assistant", "user", "assistant"].map {
            ChatMessage(role: $0, content: "\($0) speaks")
        }
        for first in [0, 1] {
            if let turns = try? template.turns(
                Conversation(messages: Array(messages[first...])), which: .all, bosToken: "B",
                eosToken: "E")
            {
                return "\(turns)"
            }
        }
        return "refuses"
    }

    /// Of the files that the tokenizer and the chat template are read from.
    private static func identity(of model: BaseModel) -> String {
        var hash = SHA256()
        if let metadata = model.ggufMetadata {
            for name in metadata.keys.sorted() where name.hasPrefix("tokenizer.") {
                hash.add(name, metadata[name]?.canonicalBytes ?? [])
            }
        } else {
            for name in [
                "tokenizer.json", "tokenizer_config.json", "config.json", "chat_template.jinja",
                "chat_template.json", "special_tokens_map.json", "added_tokens.json",
                "generation_config.json",
            ] + namedTemplates(in: model.path) {
                if let data = FileManager.default.contents(atPath: model.path + "/" + name) {
                    hash.add(name, data)
                }
            }
        }
        return hash.finalize().hexadecimal
    }
}

extension SampleRecipe {
    /// Templates that a folder has beside the usual one.
    private static func namedTemplates(in folder: String) -> [String] {
        let name = "additional_chat_templates"
        let files = try? FileManager.default.contentsOfDirectory(atPath: "\(folder)/\(name)")
        return (files ?? []).sorted().map { "\(name)/\($0)" }
    }
}

extension GGUFValue {
    /// Bytes that differ where values differ.
    fileprivate var canonicalBytes: [UInt8] {
        switch self {
        case .integer(let value): bytes(of: [value])
        case .number(let value): bytes(of: [value])
        case .boolean(let value): [value ? 1 : 0]
        case .text(let value): [UInt8](value.utf8)
        case .integers(let values): bytes(of: values)
        case .numbers(let values): bytes(of: values)
        case .booleans(let values): values.map { $0 ? 1 : 0 }
        case .texts(let values): values.flatMap { bytes(of: [$0.utf8.count]) + [UInt8]($0.utf8) }
        }
    }

    private func bytes<Number>(of numbers: [Number]) -> [UInt8] {
        numbers.withUnsafeBytes { [UInt8]($0) }
    }
}

/// A share of records that is kept out of training.
public struct HeldOutShare: Sendable, Equatable {
    /// As it was given.
    public let text: String
    /// A record is held out if its hash is below.
    let threshold: UInt64

    /// - Parameter text: A percentage such as `2%`, or a number between 0 and 1.
    /// - Returns: `nil` if it is neither, or not above 0 and below 1.
    public init?(_ text: String) {
        let isPercentage = text.hasSuffix("%")
        guard let number = Double(isPercentage ? String(text.dropLast()) : text) else { return nil }
        let share = isPercentage ? number / 100 : number
        guard share > 0, share < 1 else { return nil }
        self.text = text
        threshold = UInt64(share * 0x1p64)
    }

    /// Whether a record of this hash is held out: a function of its texts alone, so that no other
    /// record changes it. The hash is mixed once more, so that a share is no piece of anything else
    /// that is made of it.
    func takes(_ contentHash: UInt64) -> Bool {
        withUnsafeBytes(of: contentHash) { ContentHash.hash($0, seed: 1) } < threshold
    }
}

extension SHA256 {
    /// Adds a part so that no other parts give the same bytes.
    fileprivate mutating func add(_ name: String, _ bytes: some Collection<UInt8>) {
        update("\(name) \(bytes.count)\n".utf8)
        update(bytes)
    }
}
