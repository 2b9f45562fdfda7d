public import ChatTemplates
public import Datasets
import Faults
import ModelFiles

/// The settings that say what becomes of a record: the same for a run, an evaluation and `lora data`.
public struct SampleSettings: Sendable, Equatable {
    /// Their names.
    static let names: Set<String> = [
        "format", "template", "chat-template", "template-set", "template-date", "loss-on",
        "skip-bad-lines", "max-length",
    ]

    /// `nil`: told from the first record.
    public let format: DatasetFormat?
    /// Name or file of the instruction template; `nil`: the usual one of the format.
    public let template: String?
    /// File of the chat template; `nil`: that of the model.
    public let chatTemplate: String?
    /// Variables of the chat template.
    public let templateVariables: TemplateVariables
    /// The day that a chat template is told; `nil`: that on which the run began.
    public let templateDate: TemplateDate?
    /// Which of the assistant's turns of conversations are targets.
    public let targetTurns: TargetTurns
    public let skipBadLines: Bool
    /// `nil`: the smaller of 1024 and the model's positions.
    public let maxLength: Int?

    init(_ reader: SettingReader) throws(ConfigurationError) {
        format =
            reader.text("format") == "auto"
            ? nil : try reader.choice("format", among: DatasetFormat.allCases) { $0.rawValue }
        template = reader.text("template")
        chatTemplate = reader.text("chat-template")
        templateVariables = try TemplateVariables(
            reader.text("template-set") ?? "", flag: "--template-set")
        templateDate = try reader.templateDate()
        targetTurns = try reader.targetTurns()
        skipBadLines = try reader.flag("skip-bad-lines")
        maxLength = try reader.integer("max-length", atLeast: 2)
    }

    /// Refuses what is for conversations where the data have none.
    ///
    /// - Throws: ``ConfigurationError`` naming the flag.
    func refuseIdle(_ datasets: [LoadedDataset]) throws(ConfigurationError) {
        let flag =
            chatTemplate != nil
            ? "--chat-template" : templateVariables.text.isEmpty ? nil : "--template-set"
        guard let flag, !datasets.contains(where: \.usesChatTemplate) else { return }
        throw ConfigurationError(
            flag, "is for conversations, and an instruction template writes these data",
            hint: "Give --template chat too, so that the chat template writes them, or leave it out"
        )
    }

    /// A recipe, and the texts of the templates that the settings name, by the settings' names.
    struct Recipe {
        var recipe: SampleRecipe
        var templates: [(name: String, text: String)] = []
    }

    /// What these settings make of records for a model.
    ///
    /// - Parameter began: The day on which the run began; `nil` for today.
    /// - Throws: A ``Fault`` naming the flag.
    func recipe(for model: BaseModel, began: TemplateDate? = nil) throws -> Recipe {
        var recipe = try SampleRecipe(
            model: model, maxLength: try RunInputs.maxLength(maxLength, model.configuration))
        recipe.format = format
        recipe.targetTurns = targetTurns
        recipe.date = templateDate ?? began ?? .today
        recipe.skipBadLines = skipBadLines
        var templates: [(name: String, text: String)] = []
        if let template {
            templates.append(("template", try recipe.use(template: template)))
        }
        if let chatTemplate {
            templates.append(
                ("chat-template", try recipe.use(chatTemplate: chatTemplate, for: model)))
        }
        try recipe.use(templateVariables: templateVariables.values)
        return Recipe(recipe: recipe, templates: templates)
    }
}
