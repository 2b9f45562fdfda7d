import Foundation
import JSON
public import ModelFiles
import Words

/// A model's chat template and the special tokens that it writes.
public struct ModelChatTemplate: Sendable {
    public let template: ChatTemplate
    /// Begin-of-text token as text; empty if the model names none.
    public let bosToken: String
    /// End token as text; empty if the model names none.
    public let eosToken: String

    /// - Parameters:
    ///   - template: Is told the tokens, as transformers tells its templates.
    ///   - specialTokens: By role, such as `pad_token`; empty ones count as absent.
    init(_ template: ChatTemplate, specialTokens: [String: String]) {
        var template = template
        template.specialTokens = specialTokens.filter { !$0.value.isEmpty }
        self.template = template
        bosToken = specialTokens["bos_token"] ?? ""
        eosToken = specialTokens["eos_token"] ?? ""
    }
}

extension ChatTemplate {
    /// A template in a file of its own.
    ///
    /// - Throws: ``ChatTemplateError`` if the file cannot be read or parsed.
    public init(file: String) throws(ChatTemplateError) {
        try self.init(source: TemplateFile.text(file), name: file)
    }

    /// The chat template that comes with a model: `nil` if there is none.
    ///
    /// - Parameters:
    ///   - model: The model.
    ///   - name: Which of several templates; `nil` takes `default`.
    ///   - own: A template to take in the place of the model's, with the model's tokens.
    /// - Throws: As ``find(path:ggufMetadata:named:replacedBy:)``.
    public static func find(
        in model: BaseModel, named name: String? = nil, replacedBy own: ChatTemplate? = nil
    ) throws(ChatTemplateError) -> ModelChatTemplate? {
        try find(
            path: model.path, ggufMetadata: model.ggufMetadata, named: name, replacedBy: own)
    }

    /// The template that a model has for conversations with tools beside its usual one; `nil` if it
    /// has none. transformers takes it by itself where tools are given.
    public static func findForTools(in model: BaseModel) -> ModelChatTemplate? {
        try? find(in: model, named: "tool_use")
    }

    /// The chat template of a model folder or of a GGUF file's metadata; `nil` if there is none.
    ///
    /// A folder is searched as transformers does: `chat_template.jinja` (and, for other names,
    /// `additional_chat_templates/NAME.jinja`), then `chat_template.json`, then `chat_template` of
    /// `tokenizer_config.json`, which is a text or a list of named ones. A GGUF file has
    /// `tokenizer.chat_template` and `tokenizer.chat_template.NAME`.
    ///
    /// - Parameters:
    ///   - path: Folder or GGUF file, for reading and for messages.
    ///   - ggufMetadata: The metadata, if it is a GGUF file.
    ///   - name: Which of several templates; `nil` takes `default`.
    ///   - own: A template to take in the place of the model's, with the model's tokens.
    /// - Throws: ``ChatTemplateError`` if a file is damaged, the template cannot be parsed, or there
    ///   is none of that name.
    public static func find(
        path: String, ggufMetadata: [String: GGUFValue]? = nil, named name: String? = nil,
        replacedBy own: ChatTemplate? = nil
    ) throws(ChatTemplateError) -> ModelChatTemplate? {
        if let ggufMetadata {
            return try GGUFChatTemplates(path: path, metadata: ggufMetadata)
                .template(named: name, or: own)
        }
        return try FolderChatTemplates(folder: path).template(named: name, or: own)
    }

    fileprivate static func missing(_ name: String, others: [String], at place: String)
        -> ChatTemplateError
    {
        ChatTemplateError(
            "there is no chat template named \(name.quoted)", template: place,
            hint: others.isEmpty
                ? nil : "There are: " + others.map(\.quoted).joined(separator: ", "))
    }
}

/// The templates in a GGUF file's metadata.
private struct GGUFChatTemplates {
    let path: String
    let metadata: [String: GGUFValue]

    func template(
        named name: String?, or own: ChatTemplate?
    ) throws(ChatTemplateError) -> ModelChatTemplate? {
        if let own { return with(own) }
        let key =
            "tokenizer.chat_template" + (name.map { $0 == "default" ? "" : ".\($0)" } ?? "")
        guard case .text(let source)? = metadata[key] else {
            guard let name else { return nil }
            let prefix = "tokenizer.chat_template."
            let others = metadata.keys.filter { $0.hasPrefix(prefix) }
            throw ChatTemplate.missing(
                name, others: others.sorted().map { String($0.dropFirst(prefix.count)) }, at: path)
        }
        return with(try ChatTemplate(source: source, name: "\(path), \(key)"))
    }

    private func with(_ template: ChatTemplate) -> ModelChatTemplate {
        let roles = [
            "bos_token": "bos", "eos_token": "eos", "pad_token": "padding", "unk_token": "unknown",
        ]
        return ModelChatTemplate(template, specialTokens: roles.mapValues(token))
    }

    private func token(_ kind: String) -> String {
        guard case .integer(let id)? = metadata["tokenizer.ggml.\(kind)_token_id"],
            case .texts(let tokens)? = metadata["tokenizer.ggml.tokens"],
            let index = Int(exactly: id), tokens.indices.contains(index)
        else { return "" }
        return tokens[index]
    }
}

/// The templates in a Hugging Face folder.
private struct FolderChatTemplates {
    let folder: String

    func template(
        named name: String?, or own: ChatTemplate?
    ) throws(ChatTemplateError) -> ModelChatTemplate? {
        if let own { return try with(own) }
        let configuration = try object("tokenizer_config.json") ?? JSONObject([])
        var found = try inFiles()
        if found.isEmpty {
            found = try inObject(
                try object("chat_template.json") ?? JSONObject([]), "chat_template.json")
        }
        if found.isEmpty { found = try inObject(configuration, "tokenizer_config.json") }
        guard let entry = found.first(where: { $0.name == name ?? "default" }) else {
            if name == nil, found.isEmpty { return nil }
            throw ChatTemplate.missing(
                name ?? "default", others: found.map(\.name), at: folder)
        }
        return try with(ChatTemplate(source: entry.source, name: entry.place))
    }

    private func with(_ template: ChatTemplate) throws(ChatTemplateError) -> ModelChatTemplate {
        do throws(ModelFileError) {
            let named = try DeclaredTokens(folder: folder).named
            return ModelChatTemplate(
                template,
                specialTokens: Dictionary(named.map { ($0.name, $0.token.content) }) { $1 })
        } catch {
            throw ChatTemplateError(
                error.problem, template: error.location ?? folder, hint: error.hint)
        }
    }

    private typealias Entry = (name: String, source: String, place: String)

    private func inFiles() throws(ChatTemplateError) -> [Entry] {
        var entries: [Entry] = []
        if let source = try text("chat_template.jinja") {
            entries.append(("default", source, "\(folder)/chat_template.jinja"))
        }
        let more = "additional_chat_templates"
        let files =
            (try? FileManager.default.contentsOfDirectory(atPath: "\(folder)/\(more)")) ?? []
        for file in files.sorted() where file.hasSuffix(".jinja") {
            guard let source = try text("\(more)/\(file)") else { continue }
            entries.append((String(file.dropLast(6)), source, "\(folder)/\(more)/\(file)"))
        }
        return entries
    }

    private func inObject(
        _ object: JSONObject, _ file: String
    ) throws(ChatTemplateError) -> [Entry] {
        let place = "\(folder)/\(file), chat_template"
        switch object["chat_template"] {
        case nil, .null?: return []
        case .text(let source)?: return [("default", source, place)]
        case .object(let members)?:
            var entries: [Entry] = []
            for name in members.keys {
                guard case .text(let source)? = members[name] else { throw wrong(place) }
                entries.append((name, source, "\(place).\(name)"))
            }
            return entries
        case .array(let list)?:
            var entries: [Entry] = []
            for item in list {
                guard case .object(let members) = item, case .text(let name)? = members["name"],
                    case .text(let source)? = members["template"]
                else { throw wrong(place) }
                entries.append((name, source, "\(place) '\(name)'"))
            }
            return entries
        default: throw wrong(place)
        }
    }

    private func wrong(_ place: String) -> ChatTemplateError {
        ChatTemplateError(
            "must be a text, or a list of objects with 'name' and 'template'", template: place)
    }

    private func object(_ file: String) throws(ChatTemplateError) -> JSONObject? {
        let path = "\(folder)/\(file)"
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        do throws(ModelFileError) {
            guard case .object(let object) = try JSONValue.read(path: path) else {
                throw ModelFileError("must hold one JSON object", file: path)
            }
            return object
        } catch {
            throw ChatTemplateError(
                error.problem, template: error.location ?? path, hint: error.hint)
        }
    }

    private func text(_ file: String) throws(ChatTemplateError) -> String? {
        let path = "\(folder)/\(file)"
        return FileManager.default.fileExists(atPath: path) ? try TemplateFile.text(path) : nil
    }
}
