public import ChatTemplates
public import Datasets
import Faults
public import ModelFiles

// The settings that say what becomes of a record: the same for a run, an evaluation and `lora data`.

/// A recipe, and the texts of the templates that settings name, by the settings' names.
public struct NamedRecipe: Sendable {
    public var recipe: SampleRecipe
    public var templates: [(name: String, text: String)] = []
}

extension SettingValues {
    /// What these settings make of a model's records.
    ///
    /// - Parameter began: The day on which the run began; `nil` for today.
    /// - Throws: A ``Fault`` naming the flag.
    public func recipe(for model: BaseModel, began: TemplateDate? = nil) throws -> NamedRecipe {
        var recipe = try SampleRecipe(
            model: model, maxLength: try sampleLength(model.configuration))
        recipe.format = self.format
        recipe.targetTurns = self.targetTurns
        recipe.date = self.templateDate ?? began ?? .today
        recipe.skipBadLines = self.skipBadLines
        recipe.heldOut = self.heldOut
        var templates: [(name: String, text: String)] = []
        if let template = self.template {
            templates.append(("template", try recipe.use(template: template)))
        }
        if let chatTemplate = self.chatTemplate {
            templates.append(
                ("chat-template", try recipe.use(chatTemplate: chatTemplate, for: model)))
        }
        if let variables = self.templateVariables {
            try recipe.use(templateVariables: variables.values)
        }
        return NamedRecipe(recipe: recipe, templates: templates)
    }

    /// `--max-length`, or its default for this model.
    private func sampleLength(_ model: DecoderConfiguration) throws(ConfigurationError) -> Int {
        guard let length = self.maxLength else { return min(1024, model.maximumPositions) }
        guard length <= model.maximumPositions else {
            throw ConfigurationError(
                "--max-length", "is \(length); this model has \(model.maximumPositions) positions")
        }
        return length
    }

    public var sampleCache: SampleCache { SampleCache(folder: self.cache) }

    /// Refuses what is for conversations where the data have none.
    ///
    /// - Throws: ``ConfigurationError`` naming the flag.
    public func refuseIdle(_ datasets: [LoadedDataset]) throws(ConfigurationError) {
        let flag =
            self.chatTemplate != nil
            ? "--chat-template" : self.templateVariables == nil ? nil : "--template-set"
        guard let flag, !datasets.contains(where: \.usesChatTemplate) else { return }
        throw ConfigurationError(
            flag, "is for conversations, and an instruction template writes these data",
            hint: "Give --template chat too, so that the chat template writes them, or leave it out"
        )
    }
}
