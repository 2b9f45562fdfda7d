import Foundation
import JSON
import Words

/// A setting of another trainer, and what is written here for it.
///
/// ``all`` is the only place that knows the names of others; messages and
/// `docs/coming-from-elsewhere.md` are made of it.
public struct ForeignSetting: Sendable {
    /// Who has a setting.
    public struct Trainers: OptionSet, Sendable {
        public let rawValue: UInt8

        public init(rawValue: UInt8) { self.rawValue = rawValue }

        /// `TrainingArguments` of transformers.
        static let trainer = Trainers(rawValue: 1)
        /// `LoraConfig` of PEFT.
        static let peft = Trainers(rawValue: 2)
        /// `SFTConfig` and `ModelConfig` of TRL.
        static let trl = Trainers(rawValue: 4)
        static let axolotl = Trainers(rawValue: 8)
        static let llamaFactory = Trainers(rawValue: 16)
        /// `mlx_lm.lora`.
        static let mlx = Trainers(rawValue: 32)
        static let torchtune = Trainers(rawValue: 64)

        /// Each with the title that it has for readers, in their order.
        static let titles: [(trainer: Trainers, title: String)] = [
            (.peft, "PEFT (LoraConfig)"), (.trainer, "transformers (Trainer, TrainingArguments)"),
            (.trl, "TRL (SFTConfig, ModelConfig)"), (.axolotl, "axolotl"),
            (.llamaFactory, "LLaMA-Factory"), (.mlx, "mlx-lm"), (.torchtune, "torchtune"),
        ]
    }

    /// As it is written there; dots lead into mappings.
    public let name: String
    public let trainers: Trainers
    /// Settings here that take its place; none if there is nothing like it.
    public let settings: [String]
    /// What else there is to know; alone where ``settings`` is empty.
    public let note: String

    init(_ name: String, _ trainers: Trainers, _ settings: [String], _ note: String) {
        self.name = name
        self.trainers = trainers
        self.settings = settings
        self.note = note
    }

    /// What to do about it, as the rest of a sentence that names it.
    var advice: String {
        guard !settings.isEmpty else { return "there is nothing like it here: \(note)" }
        return "it is \(settings.joined(separator: " and ")) here"
            + (note.isEmpty ? "" : ": \(note)")
    }

    /// JSON for the script that writes the page: a list of trainers, each with its settings.
    public static var page: String {
        let trainers = Trainers.titles.map { trainer, title -> JSONValue in
            let rows = all.filter { $0.trainers.contains(trainer) }.map { setting -> JSONValue in
                [
                    "name": .text(setting.name), "note": .text(setting.note),
                    "settings": setting.settings.json,
                ]
            }
            return ["settings": .array(rows), "title": .text(title)]
        }
        return String(decoding: trainers.json.encoded(), as: UTF8.self)
    }
}

// MARK: - Names that are not ours

/// What a name that is no setting was meant to be.
public enum SettingAdvice {
    /// For a name that nothing is like.
    static let whereToLook =
        "lora-worker --help lists the settings, whose names run.yaml uses; "
        + "docs/coming-from-elsewhere.md has those of other trainers"

    /// - Parameter name: As it was written, with `-` or `_`; dots lead into mappings.
    /// - Returns: The rest of a sentence that names it; `nil` if nothing is like it.
    static func advice(for name: String) -> String? {
        let plain = canonical(name)
        if SettingTable.named(plain) != nil { return "write \(plain)" }
        if let foreign = foreign[plain] { return foreign.advice }
        // The last part alone, for names inside mappings.
        if let last = plain.split(separator: ".").last, last.count < plain.count {
            return advice(for: String(last))
        }
        return nearest(to: plain)
    }

    /// The advice behind a sentence that names `name`; empty if nothing is like it.
    static func clause(for name: String) -> String { advice(for: name).map { "; \($0)" } ?? "" }

    /// What to write in place of an unknown flag of lora-worker; `nil` if it is not known elsewhere.
    ///
    /// - Parameter flag: With its dashes.
    public static func advice(forFlag flag: String) -> String? {
        let name = canonical(String(flag.drop { $0 == "-" }))
        if SettingTable.named(name) != nil { return "write --\(name)" }
        guard let foreign = foreign[name] else { return nil }
        guard !foreign.settings.isEmpty else { return foreign.advice }
        let flags = foreign.settings.map { "--\($0)" }.joined(separator: " and ")
        return "it is \(flags) here" + (foreign.note.isEmpty ? "" : ": \(foreign.note)")
    }

    private static let foreign = Dictionary(
        ForeignSetting.all.map { (canonical($0.name), $0) }, uniquingKeysWith: { first, _ in first }
    )

    /// As settings are spelled here: small letters and hyphens.
    static func canonical(_ name: String) -> String {
        name.lowercased().replacingOccurrences(of: "_", with: "-")
            .trimmingCharacters(in: .whitespaces)
    }

    /// A slip of the pen: at most one letter in four is another one.
    private static func nearest(to name: String) -> String? {
        let mostEdits = min(3, name.count / 4)
        guard mostEdits > 0 else { return nil }
        func closest(_ candidates: some Sequence<String>) -> (name: String, edits: Int)? {
            candidates.map { (name: $0, edits: edits(from: $0, to: name, atMost: mostEdits)) }
                .filter { $0.edits <= mostEdits }.min { ($0.edits, $0.name) < ($1.edits, $1.name) }
        }
        let own = closest(SettingTable.all.lazy.map(\.name))
        let other = closest(foreign.keys.sorted())
        if let own, own.edits <= other?.edits ?? own.edits { return "write \(own.name)" }
        return other.flatMap { foreign[$0.name] }.map { "if it is \($0.name), \($0.advice)" }
    }

    // MARK: Values

    /// What to write in place of a choice that others have; `nil` if it is not known.
    static func advice(forValue value: String, of setting: String) -> String? {
        ForeignSetting.values[setting]?[value.lowercased()]
    }
}
