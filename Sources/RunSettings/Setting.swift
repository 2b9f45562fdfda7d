/// One setting of a run, with values of one type. ``SettingTable`` declares each, once.
public struct Setting<Value: Sendable & Equatable>: Sendable {
    /// All that does not depend on the type.
    public let about: SettingDescription
    /// The value where none is given.
    let absent: Value

    /// A setting that has a value where none is given.
    ///
    /// - Parameters:
    ///   - name: In `run.yaml`, in a checkpoint, in messages and, behind two hyphens, as a flag.
    ///   - absent: The value where none is given.
    ///   - shown: What help says in place of it.
    ///   - commands: Those of `lora` that have the flag too.
    ///   - help: A sentence without its full stop. Choices and the default are put to it.
    ///   - value: What help calls the value.
    init(
        _ name: String, _ kind: SettingKind<Value>, default absent: Value, shown: String? = nil,
        _ group: SettingGroup, _ scope: SettingScope, in commands: SettingCommands = [],
        instead other: String? = nil, help: String, value: String = ""
    ) {
        self.absent = absent
        about = SettingDescription(
            name: name, group: group, scope: scope, commands: commands, form: kind.form,
            insteadOf: other, help: help, valueName: value,
            defaultText: shown ?? kind.write(absent).map(\.shortNumber),
            read: { text throws(ConfigurationError) in try kind.read(text, "--\(name)") },
            write: { given in kind.write(given as? Value ?? absent) })
    }

    /// A setting that may be without a value.
    ///
    /// - Parameter otherwise: What holds then, for help; `nil` where nothing does.
    init<Wrapped>(
        _ name: String, _ kind: SettingKind<Wrapped>, otherwise: String? = nil,
        _ group: SettingGroup, _ scope: SettingScope, in commands: SettingCommands = [],
        instead other: String? = nil, help: String, value: String
    ) where Value == Wrapped? {
        absent = nil
        about = SettingDescription(
            name: name, group: group, scope: scope, commands: commands, form: kind.form,
            insteadOf: other, help: help, valueName: value, defaultText: otherwise,
            read: { text throws(ConfigurationError) in try kind.read(text, "--\(name)") },
            write: { given in (given as? Wrapped).flatMap(kind.write) })
    }
}

/// What there is to know of a setting, whatever the type of its values.
public struct SettingDescription: Sendable {
    public let name: String
    public let group: SettingGroup
    public let scope: SettingScope
    public let commands: SettingCommands
    public let form: SettingForm
    /// The setting that may not be given beside it.
    let insteadOf: String?
    private let help: String
    public let valueName: String
    private let defaultText: String?
    /// The checked value that a text stands for.
    let read: @Sendable (_ text: String) throws(ConfigurationError) -> any Sendable
    /// The text of a given value, or of the default; `nil` for none.
    let write: @Sendable (_ given: (any Sendable)?) -> String?

    init(
        name: String, group: SettingGroup, scope: SettingScope, commands: SettingCommands,
        form: SettingForm, insteadOf: String?, help: String, valueName: String,
        defaultText: String?,
        read: @escaping @Sendable (String) throws(ConfigurationError) -> any Sendable,
        write: @escaping @Sendable ((any Sendable)?) -> String?
    ) {
        self.name = name
        self.group = group
        self.scope = scope
        self.commands = commands
        self.form = form
        self.insteadOf = insteadOf
        self.help = help
        self.valueName = valueName.isEmpty ? form.choices.joined(separator: "|") : valueName
        self.defaultText = defaultText
        self.read = read
        self.write = write
    }

    /// What `--help` says: the choices, what is decided, and the default.
    public var fullHelp: String {
        let choices = form.choices.isEmpty ? "" : form.choices.listed + ": "
        return choices + help + (defaultText.map { " (default: \($0))" } ?? "") + "."
    }

    /// The text of the value where none is given; `nil` if there is none.
    public var defaultValueText: String? { write(nil) }

    /// Whether it decides which samples are made of the data.
    public var decidesSamples: Bool { group == .data && [.run, .content].contains(scope) }
}

/// For how much of a run a setting has one value.
public enum SettingScope: Sendable {
    /// For all ranks and the whole run: it decides the result. A resumed run that has another one is
    /// refused, unless `--allow-change` names it.
    case run
    /// It names a file whose content is compared in its place; the path is as in ``rank``.
    case content
    /// For all ranks of a job: it decides when ranks meet. A resumed run may have another one.
    case job
    /// For one rank of one job.
    case rank
}

/// A section of `lora-worker --help`.
public enum SettingGroup: Sendable, CaseIterable {
    /// What to train on.
    case data
    case adapter
    case optimization
    /// How, where and how long ranks compute.
    case running
    /// Where progress goes.
    case reports
}

/// Commands of `lora` that take settings of a run.
public struct SettingCommands: OptionSet, Sendable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// `lora plan`, `lora bench` and `lora doctor`: what decides how much a run takes.
    public static let plan = SettingCommands(rawValue: 1)
    public static let eval = SettingCommands(rawValue: 2)
    public static let data = SettingCommands(rawValue: 4)
    /// What only `lora doctor` asks for beside those of ``plan``.
    public static let doctor = SettingCommands(rawValue: 8)
    /// All that make samples of data.
    public static let reading: SettingCommands = [.plan, .eval, .data]
}

/// How the texts of a setting look.
public struct SettingForm: Sendable {
    /// All values that there are; empty if they cannot be counted.
    public internal(set) var choices: [String] = []
    /// A flag without a value.
    public internal(set) var isSwitch = false
    /// Texts with commas between, which are a list in `run.yaml`.
    public internal(set) var isList = false
    /// A flag that may stand several times, each with an element of the list.
    public internal(set) var isRepeatable = false
    /// A file or folder.
    public internal(set) var isPath = false
    /// Begins with a minus sign at times.
    public internal(set) var isNumber = false
    /// Any text will do, so that a word which YAML takes for something else would not be noticed.
    var takesAnyText = false
}

extension String {
    /// Swift's text of a number without what says nothing: 16 for 16.0, 1e-8 for 1e-08.
    fileprivate var shortNumber: String {
        hasSuffix(".0") ? String(dropLast(2)) : replacing("e-0", with: "e-")
    }
}

extension [String] {
    /// As in `a, b or c`.
    fileprivate var listed: String {
        guard let last, count > 1 else { return first ?? "" }
        return dropLast().joined(separator: ", ") + " or " + last
    }
}
